"""``siamese config``: the keys of the configuration, as a table or as a file."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.cli.app import TRAINING, ConfigFile, Data, Overrides, app

if TYPE_CHECKING:
    from pipeline.config.reference import Section

_WIDEST = 24  # characters of a value in one line


@app.command("config", rich_help_panel=TRAINING)
def show_configuration(
    section: Annotated[
        str | None, typer.Argument(help="A section or key: training, data.split, loss.margin; default: all.")
    ] = None,
    config: ConfigFile = None,
    data: Data = None,
    overrides: Overrides = None,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="As a file for --config.")] = False,
) -> None:
    """Show every key with its value, its default and its meaning."""
    from pipeline.config import read_user_values
    from pipeline.config.reference import config_yaml, sections

    user_values = read_user_values(config, overrides or (), data)
    if as_yaml:
        print(config_yaml(user_values, section), end="")
        return
    console = Console(highlight=False, emoji=False)
    for one in sections(user_values, section):
        console.print(f"[bold cyan]{one.name or 'configuration'}[/]  {escape(one.meaning)}")
        console.print(_table(one))
        console.print()


def _table(section: "Section") -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("key", no_wrap=True)
    for column in ("value", "default"):
        table.add_column(column, overflow="fold", max_width=_WIDEST)
    table.add_column("meaning", overflow="fold")
    for row in section.rows:
        value = escape(row.value) if row.value in ("", row.default) else f"[bold]{escape(row.value)}[/]"
        key = row.key.removeprefix(f"{section.name}.")  # the section's name stands above
        table.add_row(key, value, f"[dim]{escape(row.default)}[/]", escape(row.meaning))
    return table
