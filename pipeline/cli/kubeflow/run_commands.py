"""``siamese kubeflow submit / follow / stop``: one run."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from models.errors import UserError
from pipeline.cli.kubeflow import options
from pipeline.cli.kubeflow.options import (
    Check,
    ConfigFile,
    Data,
    Experiment,
    Host,
    Image,
    Namespace,
    Parameters,
    Pipeline,
    PipelineRoot,
    ServiceAccount,
)
from pipeline.cli.options import Overrides

Poll = Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")]
Patience = Annotated[float, typer.Option(min=0, help="Seconds that the server may be silent while a run is followed.")]
Run = Annotated[str, typer.Argument(help="The run's id, as submit tells it.")]


def submit(
    pipeline: Pipeline = None,
    config: ConfigFile = None,
    image: Image = None,
    pipeline_root: PipelineRoot = None,
    data: Data = None,
    host: Host = None,
    namespace: Namespace = None,
    experiment: Experiment = None,
    service_account: ServiceAccount = None,
    name: Annotated[str | None, typer.Option(help="Of the run; default: the pipeline's and the time.")] = None,
    parameters: Parameters = None,
    check: Check = True,
    follow: Annotated[bool, typer.Option(help="Stay until the run has ended.")] = True,
    poll: Poll = 5.0,
    patience: Patience = 600.0,
    overrides: Overrides = None,
) -> NoReturn:
    """Start one run now, and follow it.

    Exit code 0: pushed, this very model already serves, or too little is new (with --no-follow: started). 3: refused
    by a gate. 2: the input is wrong. 1: failed.
    """
    loaded, cluster = options.where(config, overrides, host, namespace)
    settings = loaded.kubeflow
    with (
        options.one_line(),
        options.compiled(pipeline, config, data, overrides, check, image=image, pipeline_root=pipeline_root) as file,
    ):
        started = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
        request = {
            "file": str(file.path.absolute()),
            "name": name or f"{file.name} {started}",
            "experiment": experiment or settings.experiment,
            "parameters": file.arguments(parameters or ()),
            "pipeline_root": pipeline_root or file.pipeline_root or settings.pipeline_root,
            "service_account": service_account or settings.service_account,
            "follow": follow,
            "poll": poll,
            "patience": patience,
        }
        raise typer.Exit(_watched(cluster, "start", request))


def follow(
    run: Run,
    config: ConfigFile = None,
    host: Host = None,
    namespace: Namespace = None,
    poll: Poll = 5.0,
    patience: Patience = 600.0,
    overrides: Overrides = None,
) -> NoReturn:
    """Follow a run that was started before; exit codes as of submit."""
    _, cluster = options.where(config, overrides, host, namespace)
    with options.one_line():
        raise typer.Exit(_watched(cluster, "follow", {"run_id": run, "poll": poll, "patience": patience}))


def stop(
    run: Run,
    config: ConfigFile = None,
    host: Host = None,
    namespace: Namespace = None,
    overrides: Overrides = None,
) -> None:
    """Stop a run: a training keeps its checkpoint, what serves still serves."""
    _, cluster = options.where(config, overrides, host, namespace)
    with options.one_line():
        cluster.ask("stop", run_id=run)
    options.stdout().print(f"run {run} is told to stop", soft_wrap=True)


def report(
    run: Run,
    config: ConfigFile = None,
    host: Host = None,
    namespace: Namespace = None,
    pipeline_root: PipelineRoot = None,
    to: Annotated[Path, typer.Option(help="The file.")] = Path("report.html"),
    poll: Poll = 5.0,
    patience: Patience = 600.0,
    overrides: Overrides = None,
) -> None:
    """Write the report of a run, once it has ended: the page that it drew, or one that says why it failed."""
    from pipeline.runners.kubeflow.runs.watch import Following

    loaded, cluster = options.where(config, overrides, host, namespace)
    following, seconds = Following(options.stdout()), dict[str, float]()

    def on_event(event: dict[str, Any]) -> None:
        following.on_event(event)
        if event["event"] == "step" and event["seconds"] is not None:
            seconds[event["name"]] = event["seconds"]

    with options.one_line():
        try:
            result = cluster.ask("follow", on_event, run_id=run, poll=poll, patience=patience)
        finally:
            following.stop()
        root = pipeline_root or result["pipeline_root"] or loaded.kubeflow.pipeline_root
        if not root:
            raise UserError("no pipeline root: say --pipeline-root, or set kubeflow.pipeline_root")
        from pipeline.runners.kubeflow.runs.report import write_run_page

        path = write_run_page(root, result, following.failure, seconds, loaded if config else None, to)
    options.stdout().print(str(path), soft_wrap=True)


def _watched(cluster: Any, operation: str, request: dict[str, Any]) -> int:
    """The exit code of a run that is followed, or only started."""
    from pipeline.runners.kubeflow.runs.outcome import outcome_of, show_verdict
    from pipeline.runners.kubeflow.runs.watch import Following

    console = options.stdout()
    following = Following(console)
    following.run_id = request.get("run_id")
    try:
        result = cluster.ask(operation, following.on_event, **request)
    except KeyboardInterrupt:
        following.stop()
        _let_go(following.run_id)
        return options.INTERRUPTED
    finally:
        following.stop()
    if "state" not in result:  # only started
        console.print(f"[dim]siamese kubeflow follow {result['run_id']}[/]", soft_wrap=True)
        return 0
    return show_verdict(console, outcome_of(result, following.failure, request.get("pipeline_root")))


def _let_go(run_id: str | None) -> None:
    if run_id is None:
        options.stderr().print("interrupted; whether the run was started is not known: see the server's page")
        return
    options.stderr().print(
        f"No longer followed; the run goes on.\n  siamese kubeflow follow {run_id}\n  siamese kubeflow stop {run_id}"
    )


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (submit, follow, report, stop):
        app.command(epilog=options.CREDENTIALS)(command)
