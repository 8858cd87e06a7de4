"""``siamese kubeflow check``: whether the backend would run a compiled file."""

from pathlib import Path
from typing import Annotated

import typer

from models.errors import ExitCode
from pipeline.cli.kubeflow.app import app

_INSTALLATION = (
    "which failures are tried again, Argo's configuration decides: as Kubeflow 2.17 sets it, deleted pods alone; as "
    "earlier versions leave it, all but those. kubeflow/README.md, step 2, sets both"
)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="A compiled pipeline, of this project or another.")],
    pipeline_root: Annotated[str | None, typer.Option(help="Pipeline root that it will be submitted with.")] = None,
) -> None:
    """Check whether the open-source backend (2.5 to 2.17) would accept and run a compiled pipeline.

    Exit code 0: it would, perhaps with warnings. 2: it would not.
    """
    from pipeline.runners.kubeflow.check import errors, file_findings, lines

    findings = file_findings(file, pipeline_root)
    for line in lines(findings):
        print(line)
    if errors(findings):
        raise typer.Exit(ExitCode.USER_ERROR)
    print(f"{file}: no errors found" + (f"; warnings: {len(lines(findings))}" if findings else ""))
    print(f"note: {_INSTALLATION}")
