"""``siamese runs``: the runs under an output folder, the history of serving, the lineage of a model."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from models.errors import UserError
from pipeline.cli.app import RECORDS, AsJson, Output, ServingDir, app

group = typer.Typer(invoke_without_command=True)
app.add_typer(group, name="runs", rich_help_panel=RECORDS)


@group.callback()
def runs(
    context: typer.Context,
    output: Output = Path("output"),
    history: Annotated[
        bool, typer.Option("--history", help="The complete history of the serving folder, without the runs.")
    ] = False,
    serving_dir: ServingDir = None,
    as_json: AsJson = False,
) -> None:
    """List the runs under an output folder, their metrics, and the history of the serving folder."""
    if command := context.invoked_subcommand:
        _refuse_options_before(command, context)
        return
    from components.run_outcome.summary import read_summaries
    from pipeline.runs.listing import show_runs

    if not output.is_dir() and not (history and serving_dir):
        raise UserError(f"--output {output}: no such folder", code="config-no-output-folder")
    if history:
        _show_history(output, serving_dir, as_json)
        return
    summaries = read_summaries(output)
    if as_json:
        print(json.dumps([summary.model_dump(mode="json") for summary in summaries]))
        return
    console = Console(highlight=False, emoji=False)
    show_runs(console, summaries, output)
    try:
        _show_history(output, serving_dir, as_json=False, last=10)
    except UserError as error:  # the runs are listed nevertheless
        console.print(escape(str(error)), soft_wrap=True)


@group.command("show")
def show(
    run: Annotated[str | None, typer.Argument(help="Id of the run; default: the one whose model serves.")] = None,
    output: Output = Path("output"),
    serving_dir: ServingDir = None,
    as_json: AsJson = False,
) -> None:
    """Show the images, code, configuration and baseline that a run's model, or the serving one, was made from."""
    from components.run_outcome.summary import read_summaries
    from components.serving_folder.serving_folder import history
    from pipeline.environment.output_folder import METADATA, serving_address_of_runs
    from pipeline.runs.listing import show_lineage
    from pipeline.runs.metadata import read_lineage

    address = serving_address_of_runs(output, serving_dir)
    found = history(address)
    arrival = found.origin()
    if run is None and (arrival is None or arrival.run_id is None):
        reason = f"the run of version {arrival.version} is unknown" if arrival else "nothing serves"
        raise UserError(f"{address}: {reason}; name a run (siamese runs --output {output})", code="model-unknown-run")
    asked = run or str(arrival.run_id if arrival else "")
    lineage = read_lineage(output / METADATA, asked)
    if as_json:
        print(lineage.model_dump_json())
        return
    summary = next((one for one in read_summaries(output) if one.run_id == asked), None)
    serves = found.serving if arrival and arrival.run_id == asked else None
    show_lineage(Console(highlight=False, emoji=False), lineage, summary, serves)


def _refuse_options_before(command: str, context: typer.Context) -> None:
    for name in context.params:
        if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE":
            option = "--json" if name == "as_json" else f"--{name.replace('_', '-')}"
            raise UserError(
                f"{option} before {command} has no effect; write siamese runs {command} {option}",
                code="config-conflicting-options",
            )


def _show_history(output: Path, serving_dir: str | None, as_json: bool, last: int | None = None) -> None:
    from components.serving_folder.serving_folder import history
    from pipeline.environment.output_folder import serving_address_of_runs
    from pipeline.runs.listing import history_as_json, show_history

    address = serving_address_of_runs(output, serving_dir)
    found = history(address)
    if as_json:
        print(json.dumps(history_as_json(address, found)))
    elif found.events or last is None:
        console = Console(highlight=False, emoji=False)
        if last:
            console.print()
        show_history(console, address, found, last)
