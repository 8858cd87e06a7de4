"""``siamese runs``, ``report`` and ``rollback``: what ran, what serves, and what serves again.

Heavy libraries are imported by the commands that need them, never here.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from models.errors import UserError
from pipeline.cli.options import AsJson, Output, ServingDir

app = typer.Typer()
runs_app = typer.Typer(invoke_without_command=True)
app.add_typer(runs_app, name="runs")


@app.command()
def report(
    run: Annotated[str, typer.Argument(help="Its id; with a second one: A, which that is compared with.")] = "latest",
    other: Annotated[str | None, typer.Argument(metavar="[B]", help="A run to be compared with it.")] = None,
    output: Output = Path("output"),
    to: Annotated[Path | None, typer.Option(help="The file; default: report.html in the run's folder.")] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
) -> None:
    """Draw the report of a run anew, or one that compares two runs: verdict, curves, the pairs that they get wrong."""
    from pipeline.runs.report import draw, draw_comparison

    try:
        path = draw_comparison(output, run, other, to) if other else draw(output, run, to)
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be written: {error.strerror}") from None
    print(path)
    if show:
        import webbrowser

        webbrowser.open(path.absolute().as_uri())


@runs_app.callback()
def runs(
    context: typer.Context,
    output: Output = Path("output"),
    history: Annotated[bool, typer.Option("--history", help="All of who replaced what and why, no runs.")] = False,
    serving_dir: ServingDir = None,
    as_json: AsJson = False,
) -> None:
    """List the runs under an output folder, what they reached, and who replaced what and why in serving."""
    if command := context.invoked_subcommand:
        _refuse_options_before(command, context)
        return
    from components.run_outcome.summary import read_summaries
    from pipeline.runs.listing import show_runs

    if not output.is_dir() and not (history and serving_dir):
        raise UserError(f"--output {output}: there is no such folder; nothing has run there")
    if history:
        _show_history(output, serving_dir, as_json)
        return
    summaries = read_summaries(output)
    if as_json:
        print(json.dumps([summary.model_dump(mode="json") for summary in summaries]))
        return
    console = Console(highlight=False)
    show_runs(console, summaries, output)
    try:
        _show_history(output, serving_dir, as_json=False, last=10)
    except UserError as error:  # the runs are told all the same
        console.print(escape(str(error)), soft_wrap=True)


@runs_app.command("show")
def show_run(
    run: Annotated[str | None, typer.Argument(help="Its id; default: the run whose model serves.")] = None,
    output: Output = Path("output"),
    serving_dir: ServingDir = None,
    as_json: AsJson = False,
) -> None:
    """Tell which images, code, configuration and baseline made a run's model, or the one that now serves."""
    from components.run_outcome.summary import read_summaries
    from components.serving_folder.serving_folder import history
    from pipeline.environment.output_folder import METADATA
    from pipeline.environment.serving_address import serving_address, serving_address_of_runs
    from pipeline.runs.lineage import read_lineage, show_lineage

    address = serving_address(serving_dir, output) if serving_dir else serving_address_of_runs(output)
    arrival = history(address).origin()
    if run is None and (arrival is None or arrival.run_id is None):
        told = f"version {arrival.version} came from no run that is known" if arrival else "nothing serves"
        raise UserError(f"{address}: {told}; name a run of {output}: siamese runs lists them")
    asked = run or str(arrival.run_id if arrival else "")
    lineage = read_lineage(output / METADATA, asked)
    if as_json:
        print(lineage.model_dump_json())
        return
    summary = next((one for one in read_summaries(output) if one.run_id == asked), None)
    serves = history(address).serving if arrival and arrival.run_id == asked else None
    show_lineage(Console(highlight=False), lineage, summary, serves)


@app.command()
def rollback(
    output: Output = Path("output"),
    to: Annotated[
        int | None, typer.Option(help="A version; default: what served before, as the history tells.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the history.")] = "",
    by: Annotated[str | None, typer.Option(help="Who, for the history; default: user@host.")] = None,
    serving_dir: ServingDir = None,
    as_json: AsJson = False,
) -> None:
    """Let an earlier model serve again: its bytes, under a new version. Not while a run is at work."""
    from pipeline.serving.rollback import roll_back

    done = roll_back(output, serving_dir, to, reason, by)
    if as_json:
        print(json.dumps(asdict(done)))
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"[bold green]Rolled back[/]: version {done.version} serves, the model of version {done.restored}; "
        f"it replaced {done.replaced}\n{escape(done.address)}"
    )
    console.print(f"[dim]No run pushes the model of version {done.replaced} again until you roll back to it.[/]")


def _refuse_options_before(command: str, context: typer.Context) -> None:
    for name in context.params:
        if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE":
            option = "--json" if name == "as_json" else f"--{name.replace('_', '-')}"
            raise UserError(f"{option} says nothing before {command}; give it after: siamese runs {command} {option}")


def _show_history(output: Path, serving_dir: str | None, as_json: bool, last: int | None = None) -> None:
    from components.serving_folder.serving_folder import history
    from pipeline.environment.serving_address import serving_address, serving_address_of_runs
    from pipeline.runs.serving_history import history_as_json, show_history

    address = serving_address(serving_dir, output) if serving_dir else serving_address_of_runs(output)
    trail = history(address)
    if as_json:
        print(json.dumps(history_as_json(address, trail)))
    elif trail.events or last is None:
        console = Console(highlight=False)
        if last:
            console.print()
        show_history(console, address, trail, last)
