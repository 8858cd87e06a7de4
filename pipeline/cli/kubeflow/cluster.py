"""What the commands of the cluster share at run time: a run that is watched, errors in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape

from models.errors import ExitCode

if TYPE_CHECKING:
    from pipeline.runners.kubeflow.runs.server import Cluster


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Ends the command with exit code 1 where the server fails, with 130 at Ctrl-C; one line says so."""
    from pipeline.runners.kubeflow.runs.server import ClusterError

    try:
        yield
    except ClusterError as error:
        stderr().print(f"[bold red]error:[/] {escape(str(error))}")
        raise typer.Exit(ExitCode.FAILED) from None
    except KeyboardInterrupt:
        stderr().print("interrupted; repeat the command to complete what it began")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def watch(cluster: "Cluster", operation: str, request: dict[str, Any]) -> int:
    """Starts or follows a run (``operation``) and shows its progress; returns the exit code."""
    from pipeline.runners.kubeflow.runs.watch import Following, outcome_of, show_verdict

    console = stdout()
    following = Following(console)
    following.run_id = request.get("run_id")
    try:
        result = cluster.ask(operation, following.on_event, **request)
    except KeyboardInterrupt:
        following.stop()
        _print_how_to_go_on(following.run_id)
        return ExitCode.INTERRUPTED
    finally:
        following.stop()
    if "state" not in result:  # started, not followed
        console.print(f"[dim]siamese kubeflow follow {result['run_id']}[/]", soft_wrap=True)
        return 0
    return show_verdict(console, outcome_of(result, following.failure, request.get("pipeline_root")))


def _print_how_to_go_on(run_id: str | None) -> None:
    if run_id is None:
        stderr().print("interrupted; the run may have been started: see the server's UI")
        return
    stderr().print(
        f"No longer followed; the run goes on.\n  siamese kubeflow follow {run_id}\n  siamese kubeflow stop {run_id}"
    )


def stdout() -> Console:
    """Where results go."""
    return Console(highlight=False)


def stderr() -> Console:
    """Where errors and warnings go."""
    return Console(stderr=True, highlight=False, soft_wrap=True)
