"""``siamese kubeflow follow``: the progress of a run."""

from typing import TYPE_CHECKING, Any, NoReturn

import typer

from models.errors import ExitCode
from pipeline.cli.kubeflow.app import Patience, Poll, Run, Server, app, cluster_command, stderr, stdout

if TYPE_CHECKING:
    from pipeline.runners.kubeflow.runs.server import Cluster


@cluster_command(app)
def follow(run: Run, options: Server, poll: Poll = 5.0, patience: Patience = 600.0) -> NoReturn:
    """Follow a run that was started before; exit codes as for submit."""
    loaded, cluster = options.target()
    request = {"run_id": run, "poll": poll, "patience": patience, "pipeline_root": loaded.kubeflow.pipeline_root}
    raise typer.Exit(watch(cluster, "follow", request))


def watch(cluster: "Cluster", operation: str, request: dict[str, Any]) -> int:
    """Starts or follows a run (``operation``) and shows its progress; returns the exit code."""
    from pipeline.runners.kubeflow.runs.watch import Watch, show_verdict, verdict_of

    console = stdout()
    watched = Watch(console)
    try:
        result = watched.ask(cluster, operation, **request)
    except KeyboardInterrupt:
        run = watched.run_id
        how = f"  siamese kubeflow follow {run}\n  siamese kubeflow stop {run}"
        unknown = "interrupted; the run may have been started: see the server's UI"
        stderr().print(f"No longer followed; the run goes on.\n{how}" if run else unknown)
        return ExitCode.INTERRUPTED
    if "state" not in result:  # started, not followed
        console.print(f"[dim]siamese kubeflow follow {result['run_id']}[/]", soft_wrap=True)
        return 0
    return show_verdict(console, verdict_of(result, watched.failure, request["pipeline_root"]), result)
