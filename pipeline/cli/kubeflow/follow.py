"""``siamese kubeflow follow``: the progress of a run."""

from typing import NoReturn

import typer

from pipeline.cli.app import Overrides
from pipeline.cli.kubeflow.app import CREDENTIALS, ConfigFile, Host, Namespace, Patience, Poll, Run, app
from pipeline.cli.kubeflow.cluster import errors_in_one_line, target, watch


@app.command(epilog=CREDENTIALS)
def follow(
    run: Run,
    config: ConfigFile = None,
    host: Host = None,
    namespace: Namespace = None,
    poll: Poll = 5.0,
    patience: Patience = 600.0,
    overrides: Overrides = None,
) -> NoReturn:
    """Follow a run that was started before; exit codes as for submit."""
    _, cluster = target(config, overrides, host, namespace)
    with errors_in_one_line():
        raise typer.Exit(watch(cluster, "follow", {"run_id": run, "poll": poll, "patience": patience}))
