"""``siamese rollback``: an earlier version serves again."""

import json
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from models.errors import UserError
from pipeline.cli.app import RECORDS, AsJson, Output, ServingDir, app


@app.command(rich_help_panel=RECORDS)
def rollback(
    output: Output = Path("output"),
    to: Annotated[
        int | None, typer.Option(help="Version to serve; default: the one that served before, by the history.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Reason, for the history.")] = "",
    by: Annotated[str | None, typer.Option(help="Author, for the history; default: user@host.")] = None,
    serving_dir: ServingDir = None,
    as_json: AsJson = False,
) -> None:
    """Push an earlier model again, under a new version; refused while a run is in progress."""
    from components.serving_folder.push import roll_back
    from pipeline.environment.output_folder import locked, serving_address_of_runs

    if not output.is_dir() and serving_dir is None:
        raise UserError(f"--output {output}: no such folder", code="config-no-output-folder")
    # Under the lock of the runs: a run compares its model with the one that served as it began, and its push would
    # replace the one rolled back to.
    with locked(output) if output.is_dir() else nullcontext():
        done = roll_back(serving_address_of_runs(output, serving_dir), to, reason, by)
    if as_json:
        print(json.dumps(asdict(done)))
        return
    Console(highlight=False, emoji=False, soft_wrap=True).print(
        f"[bold green]Rolled back[/]: version {done.version} serves, the model of version {done.restored}; "
        f"it replaced {done.replaced}\n{escape(done.address)}\n"
        f"[dim]No run pushes the model of version {done.replaced} again until you roll back to it.[/]"
    )
