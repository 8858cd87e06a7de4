"""``siamese kubeflow report``: the report of a run on the cluster."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from models.errors import UserError
from pipeline.cli.kubeflow.app import Patience, PipelineRoot, Poll, Run, Server, app, cluster_command, stdout


@cluster_command(app)
def report(
    run: Run,
    options: Server,
    pipeline_root: PipelineRoot = None,
    to: Annotated[Path, typer.Option(help="File to write.")] = Path("report.html"),
    poll: Poll = 5.0,
    patience: Patience = 600.0,
) -> None:
    """Write the report of a run once it has ended: its own, or one that shows why it failed."""
    from pipeline.runners.kubeflow.runs.page import fetch_run_page
    from pipeline.runners.kubeflow.runs.watch import Watch
    from pipeline.terminal import quiet

    loaded, cluster = options.target()
    watched, root = Watch(stdout()), pipeline_root or loaded.kubeflow.pipeline_root
    result = watched.ask(cluster, "follow", run_id=run, poll=poll, patience=patience, pipeline_root=root)
    root = pipeline_root or result["pipeline_root"] or root
    if not root:
        message = "no pipeline root: give --pipeline-root, or set kubeflow.pipeline_root"
        raise UserError(message, code="kubeflow-no-pipeline-root")
    if source := fetch_run_page(cluster, root, result, to):
        stdout().print(f"[dim]from {escape(source)}[/]", soft_wrap=True)
    else:
        with quiet(Path(os.devnull)) as console, console.status("drawing the report"):
            from pipeline.runners.kubeflow.runs.report import write_run_page

            write_run_page(root, result, watched, loaded if options.config else None, to)
    stdout().print(escape(str(to)), soft_wrap=True)
