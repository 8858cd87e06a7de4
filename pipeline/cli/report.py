"""``siamese report``: the report of a run, or of two compared."""

from pathlib import Path
from typing import Annotated

import typer

from models.errors import UserError
from pipeline.cli.app import RECORDS, Output, app


@app.command(rich_help_panel=RECORDS)
def report(
    run: Annotated[
        str, typer.Argument(help="Id of the run; with a second one: A, which B is compared with.")
    ] = "latest",
    other: Annotated[str | None, typer.Argument(metavar="[B]", help="Id of a run to compare with A.")] = None,
    output: Output = Path("output"),
    to: Annotated[Path | None, typer.Option(help="File to write; default: report.html in the run's folder.")] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
) -> None:
    """Write the report of a run again, or one that compares two runs: verdict, curves, misclassified pairs."""
    from pipeline.runs.report import draw, draw_comparison

    try:
        path = draw_comparison(output, run, other, to) if other else draw(output, run, to)
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be written: {error.strerror}", code="config-not-writable") from None
    print(path)
    if show:
        import webbrowser

        webbrowser.open(path.absolute().as_uri())
