"""What the commands of the cluster share: the server, the compiled file, a run that is watched, errors in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer
from rich.console import Console
from rich.markup import escape

from models.errors import ExitCode, UserError

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.runners.kubeflow.compile.compiled_file import CompiledFile
    from pipeline.runners.kubeflow.runs.server import Cluster


class Target(NamedTuple):
    """The configuration of a command, and the server that it goes to."""

    config: "Config"
    cluster: "Cluster"


def target(config: Path | None, overrides: list[str] | None, host: str | None, namespace: str | None) -> Target:
    """Loads the configuration; options go before its ``kubeflow`` section."""
    from pipeline.config import load_config
    from pipeline.runners.kubeflow.runs.server import Cluster

    loaded = load_config(config, overrides or ())
    settings = loaded.kubeflow
    cluster = Cluster(host or settings.host, namespace or settings.namespace, settings.connection)
    return Target(loaded, cluster)


@contextmanager
def compiled(
    pipeline: Path | None,
    config: Path | None,
    data: str | None,
    overrides: list[str] | None,
    check: bool,
    **options: str | None,
) -> Iterator["CompiledFile"]:
    """The compiled file ``pipeline``, or one compiled from ``config`` that exists inside the block alone.

    Raises:
      UserError: there is neither, options do not go together, or the backend would not run the file.
    """
    import tempfile

    from pipeline.runners.kubeflow.compile.compiled_file import read_compiled

    if pipeline:
        if options["image"] or data:
            raise UserError(
                f"{pipeline} is compiled already: --image and --data need --config instead",
                code="config-conflicting-options",
            )
        file = read_compiled(pipeline)
        if check:
            _check(pipeline, options["pipeline_root"])
        yield file
        return
    if not config:
        raise UserError("no pipeline: name a compiled file or a configuration (--config)", code="kubeflow-no-pipeline")
    from pipeline.config import load_config
    from pipeline.terminal import quiet

    loaded = load_config(config, overrides or (), data)
    with tempfile.TemporaryDirectory(prefix="siamese-") as folder:
        with quiet(Path(folder) / "log.txt") as console, console.status("compiling"):
            from pipeline.runners.kubeflow.compile.compilation import compile_pipeline

            made = compile_pipeline(loaded, options["image"], options["pipeline_root"])
        made.write(Path(folder) / "pipeline.yaml")
        yield read_compiled(Path(folder) / "pipeline.yaml")


def _check(pipeline: Path, pipeline_root: str | None) -> None:
    from pipeline.runners.kubeflow.check.check import file_findings
    from pipeline.runners.kubeflow.check.compiled import lines

    if errors := lines(finding for finding in file_findings(pipeline, pipeline_root) if finding.severity == "error"):
        findings = "\n".join(line.removeprefix("error: ") for line in errors)
        raise UserError(
            f"{findings}\n{pipeline}: not submitted, the backend would not run it (--no-check submits it)",
            code="kubeflow-not-runnable",
        )


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
    from pipeline.runners.kubeflow.runs.outcome import outcome_of, show_verdict
    from pipeline.runners.kubeflow.runs.watch import Following

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
