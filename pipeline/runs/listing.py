"""Runs, the history of a serving folder and the lineage of a model, as text; the history also as JSON."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.run_outcome.summary import RunSummary
from components.run_record.lineage import Lineage, lineage_lines
from components.serving_folder.history import Event, ServingHistory
from models.user_files import shown

_STYLES = {"rollback": "yellow", "failed": "red", "missing": "red", "prune failed": "red", "prune": "dim"}


def show_runs(console: Console, summaries: Sequence[RunSummary], output: Path) -> None:
    """Prints a line for each run, oldest first; below them, why runs pushed nothing."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("run", "status", "version", "accuracy", "auc", "seconds"):
        table.add_column(column, no_wrap=True)
    for summary in summaries:
        table.add_row(*_row(summary))
    console.print(table if summaries else escape(f"no run under {shown(output)}"), soft_wrap=not summaries)
    for summary in summaries:  # below the table: too long for a column
        if reason := " ".join(summary.outcome.reasons()):
            console.print(escape(_wrapped(console, f"{summary.run_id}: {reason}", 0, 4)), soft_wrap=True)


def history_as_json(address: str, history: ServingHistory) -> dict[str, Any]:
    """The history for programs: what serves since when, the complete versions, the events in order."""
    now = history.added(history.serving) if history.serving is not None else None
    return {
        "serving_dir": address,
        "serving": history.serving,
        "since": now.known_at.isoformat() if now and now.known_at else None,
        "versions": list(history.complete),
        "events": [_as_json(event) for event in history.events],
    }


def show_history(console: Console, address: str, history: ServingHistory, last: int | None = None) -> None:
    """Prints the version that serves and the events, the newest last; ``last`` of them, or all."""
    console.print(f"{_now(history)}  [dim]{escape(address)}[/]", soft_wrap=True)
    events = history.events[-last:] if last else history.events
    if hidden := len(history.events) - len(events):
        console.print(f"[dim]{hidden:,} earlier events: siamese runs --history[/]")
    width = max((len(_what(event)) for event in events), default=0)
    for event in events:
        style = _STYLES.get(event.action, "default")
        source = f"  run {event.run_id}" if event.run_id else ""
        line = f"{_when(event):<19}  [{style}]{_what(event):<{width}}[/]  {escape(event.by)}{escape(source)}"
        console.print(line.rstrip(), soft_wrap=True)
        if event.reason:
            console.print(f"[dim]{escape(_wrapped(console, event.reason, 21, 21))}[/]", soft_wrap=True)


def show_lineage(console: Console, lineage: Lineage, summary: RunSummary | None, serves: int | None) -> None:
    """Prints images, code, configuration and baseline, a line each, with the run that made each of them.

    ``summary`` is of the run, if there is one; ``serves`` the version that serves its model, if one does.
    """
    title = f"version {serves} serves the model of run {lineage.run_id}" if serves else f"run {lineage.run_id}"
    status = f": {summary.status}" if summary and not serves else ""
    console.print(f"[bold]{escape(title)}[/]{status}", soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, text in lineage_lines(lineage, summary):
        table.add_row(name, escape(text))
    console.print(table)


def _row(summary: RunSummary) -> tuple[str, ...]:
    values = [f"{summary.metrics[m].value:.4f}" if m in summary.metrics else "-" for m in ("accuracy", "auc")]
    status = {"serving": "already serving"}.get(summary.outcome.kind, summary.status)
    return summary.run_id, status, str(summary.pushed_version or "-"), *values, f"{summary.seconds:.0f}"


def _wrapped(console: Console, text: str, first: int, rest: int) -> str:
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


def _as_json(event: Event) -> dict[str, Any]:
    fields = event.model_dump(mode="json", exclude={"id", "files"})
    return fields if event.known_at else {**fields, "at": None}


def _now(history: ServingHistory) -> str:
    event = history.added(history.serving) if history.serving is not None else None
    if event is None:
        return "[bold]nothing serves[/]"
    return f"[bold]version {event.version} serves[/]" + (f" since {_when(event)} UTC" if event.known_at else "")


def _when(event: Event) -> str:
    return f"{event.known_at:%Y-%m-%d %H:%M:%S}" if event.known_at else "unknown"


def _what(event: Event) -> str:
    over = f", replaced {event.replaced}" if event.replaced is not None else ", the first"
    if event.action == "rollback":
        return f"{event.version} rolled back to {event.restored}{over}"
    actions = {
        "push": f"pushed{over}",
        "found": "found",
        "failed": "failed",
        "missing": "missing",
        "prune": "removed",
        "prune failed": "not removed",
    }
    return f"{event.version} {actions[event.action]}"
