"""The history of a serving folder, as text and as JSON."""

from typing import Any

from rich.console import Console
from rich.markup import escape

from components.serving_folder.history import Event, ServingHistory
from pipeline.runs.listing import wrapped

_STYLES = {"rollback": "yellow", "failed": "red", "missing": "red", "prune failed": "red", "prune": "dim"}


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
    shown = history.events[-last:] if last else history.events
    if hidden := len(history.events) - len(shown):
        console.print(f"[dim]{hidden:,} earlier events: siamese runs --history[/]")
    width = max((len(_what(event)) for event in shown), default=0)
    indent = 21
    for event in shown:
        style = _STYLES.get(event.action, "default")
        source = f"  run {event.run_id}" if event.run_id else ""
        line = f"{_when(event):<19}  [{style}]{_what(event):<{width}}[/]  {escape(event.by)}{escape(source)}"
        console.print(line.rstrip(), soft_wrap=True)
        if event.reason:
            console.print(f"[dim]{escape(wrapped(console, event.reason, indent, indent))}[/]", soft_wrap=True)


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
