"""``siamese kubeflow submit``: one run, now."""

from datetime import datetime
from typing import Annotated, NoReturn

import typer

from pipeline.cli.kubeflow.app import Patience, Poll, Submission, app, cluster_command
from pipeline.cli.kubeflow.follow import watch


@cluster_command(app)
def submit(
    options: Submission,
    name: Annotated[
        str | None, typer.Option(help="Name of the run; default: the pipeline's name and the time.")
    ] = None,
    follow: Annotated[bool, typer.Option(help="Wait until the run has ended.")] = True,
    poll: Poll = 5.0,
    patience: Patience = 600.0,
) -> NoReturn:
    """Start one run now, and follow it.

    Exit code 0: pushed, the identical model already serves, or too few new images (with --no-follow: started). 3:
    refused by a gate. 2: the input is wrong. 4: succeeded, but its verdict cannot be read from here. 1: failed.
    """
    loaded, cluster = options.target()
    with options.compiled() as file:
        started = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
        about = {"name": name or f"{file.name} {started}", "follow": follow, "poll": poll, "patience": patience}
        raise typer.Exit(watch(cluster, "start", {**options.request(file, loaded.kubeflow), **about}))
