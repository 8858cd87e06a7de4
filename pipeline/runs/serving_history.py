"""Who replaced what and why, as a person or a program reads it."""

import textwrap
from typing import Any

from rich.console import Console
from rich.markup import escape

from components.serving_folder.history import Event, Trail

_STYLES = {"rollback": "yellow", "failed": "red", "missing": "red", "prune failed": "red", "prune": "dim"}


def trail_as_json(address: str, trail: Trail) -> dict[str, Any]:
    """The trail for programs: what serves since when, the versions that are there, the events in their order."""
    now = trail.arrival(trail.serving) if trail.serving is not None else None
    return {
        "serving_dir": address,
        "serving": trail.serving,
        "since": now.known_at.isoformat() if now and now.known_at else None,
        "versions": list(trail.complete),
        "events": [_as_json(event) for event in trail.events],
    }


def show_trail(console: Console, address: str, trail: Trail, last: int | None = None) -> None:
    """Prints which version serves and the events, the newest last; ``last`` of them, or all."""
    console.print(f"{_now(trail)}  [dim]{escape(address)}[/]", soft_wrap=True)
    shown = trail.events[-last:] if last else trail.events
    if hidden := len(trail.events) - len(shown):
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


def wrapped(console: Console, text: str, first: int, rest: int) -> str:
    """A text with its first and its other lines indented, to the width of a terminal; one line to anything else."""
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
    told = event.model_dump(mode="json", exclude={"id", "files"})
    return told if event.known_at else {**told, "at": None}


def _now(trail: Trail) -> str:
    event = trail.arrival(trail.serving) if trail.serving is not None else None
    if event is None:
        return "[bold]nothing serves[/]"
    return f"[bold]version {event.version} serves[/]" + (f" since {_when(event)} UTC" if event.known_at else "")


def _when(event: Event) -> str:
    return f"{event.known_at:%Y-%m-%d %H:%M:%S}" if event.known_at else "unknown"


def _what(event: Event) -> str:
    over = f", replaced {event.replaced}" if event.replaced is not None else ", the first"
    if event.action == "rollback":
        return f"{event.version} rolled back to {event.restored}{over}"
    told = {
        "push": f"pushed{over}",
        "found": "found",
        "failed": "failed",
        "missing": "missing",
        "prune": "removed",
        "prune failed": "not removed",
    }
    return f"{event.version} {told[event.action]}"
