"""The list of runs under an output folder, as text."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.run_outcome.summary import RunSummary


def show_runs(console: Console, summaries: Sequence[RunSummary], output: Path) -> None:
    """Prints a line for each run, oldest first; below them, why runs pushed nothing."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("run", "status", "version", "accuracy", "auc", "seconds"):
        table.add_column(column, no_wrap=True)
    for summary in summaries:
        table.add_row(*_row(summary))
    console.print(table if summaries else f"no run under {output}")
    for summary in summaries:  # below the table: too long for a column
        if reason := " ".join(summary.outcome.reasons()):
            console.print(escape(wrapped(console, f"{summary.run_id}: {reason}", 0, 4)), soft_wrap=True)


def wrapped(console: Console, text: str, first: int, rest: int) -> str:
    """Wraps and indents a text to the width of a terminal; unwrapped if the console is not one."""
    if not console.is_terminal:
        return " " * first + text
    return textwrap.fill(
        text,
        max(console.width, rest + 20),
        initial_indent=" " * first,
        subsequent_indent=" " * rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _row(summary: RunSummary) -> tuple[str, ...]:
    values = [f"{summary.metrics[m].value:.4f}" if m in summary.metrics else "-" for m in ("accuracy", "auc")]
    status = {"serving": "already serving"}.get(summary.outcome.kind, summary.status)
    return summary.run_id, status, str(summary.pushed_version or "-"), *values, f"{summary.seconds:.0f}"
