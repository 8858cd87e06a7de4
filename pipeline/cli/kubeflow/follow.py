"""``siamese kubeflow follow``: the progress of a run."""

from typing import NoReturn

import typer

from pipeline.cli.kubeflow.app import Patience, Poll, Run, Server, app, cluster_command
from pipeline.cli.kubeflow.cluster import errors_in_one_line, watch


@cluster_command(app)
def follow(run: Run, options: Server, poll: Poll = 5.0, patience: Patience = 600.0) -> NoReturn:
    """Follow a run that was started before; exit codes as for submit."""
    _, cluster = options.target()
    with errors_in_one_line():
        raise typer.Exit(watch(cluster, "follow", {"run_id": run, "poll": poll, "patience": patience}))
