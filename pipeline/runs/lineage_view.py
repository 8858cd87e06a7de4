"""What made a model, as a person reads it."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.run_outcome.summary import RunSummary
from components.run_record.lineage import Lineage, lineage_lines


def show_lineage(console: Console, lineage: Lineage, summary: RunSummary | None, serves: int | None) -> None:
    """Images, code, configuration and baseline, a line each; what an earlier run made says so.

    Args:
      console: to write to.
      lineage: of the run.
      summary: of the run, where there is one: its verdict, its configuration.
      serves: the version that serves this very model; none where another does.
    """
    told = f"version {serves} serves the model of run {lineage.run_id}" if serves else f"run {lineage.run_id}"
    verdict = f": {summary.status}" if summary and not serves else ""
    console.print(f"[bold]{escape(told)}[/]{verdict}", soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, text in lineage_lines(lineage, summary):
        table.add_row(name, escape(text))
    console.print(table)
