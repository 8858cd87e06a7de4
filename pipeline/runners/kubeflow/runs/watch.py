"""A run on the cluster as a person watches it: nodes as they start, are tried again and end."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from pipeline.runners.kubeflow.runs.outcome import Failure

_MARKS = {"SUCCEEDED": "[green]✓[/]", "FAILED": "[red]✗[/]", "CANCELED": "[red]✗[/]", "SKIPPED": "[dim]-[/]"}
_NOT_STARTED = "it was never started: see the log of its driver"
_NO_LOG = "its log cannot be read from here; see the run's page"


class Following:
    """Shows the events of a run.

    Attributes:
      run_id: of the run, once it is known.
      failure: the first node that failed.
    """

    def __init__(self, console: Console) -> None:
        self._console, self._status = console, Status("", console=console)
        self._running: list[str] = []
        self.run_id: str | None = None
        self.failure: Failure | None = None

    def on_event(self, event: dict[str, Any]) -> None:
        """What the process that talks to the server says."""
        match event["event"]:
            case "submitted":
                self.run_id = event["run_id"]
                self._print(f"run {event['run_id']}  [dim]{escape(event['link'])}[/]")
            case "following":
                self.run_id = event["run_id"]
            case "step":
                self._step(event)
            case "retry":
                reason = escape(event["reason"] or _NO_LOG)
                self._print(f"[yellow]↻[/] {event['node']:<18} attempt {event['attempt']} failed: {reason}")
            case "waiting":
                self._print(f"[dim]{escape(event['reason'])}; trying again ...[/]")
            case "again":
                self._print("[dim]connected again[/]")
        if self._running:
            self._status.update(f"{', '.join(self._running)} ...")
            self._status.start()
        else:
            self._status.stop()

    def stop(self) -> None:
        """No more events."""
        self._status.stop()

    def _step(self, event: dict[str, Any]) -> None:
        name, state = event["name"], event["state"]
        self._running = [other for other in self._running if other != name]
        if state == "RUNNING":
            self._running.append(name)
        elif state in _MARKS:
            seconds = event["seconds"]
            took = "" if seconds is None else f"{seconds:6.0f} s"
            again = f"  [dim]attempt {event['attempt']}[/]" if event["attempt"] > 1 else ""
            cached = "  [dim]as in an earlier run[/]" if event["cached"] else ""
            details = "[dim]not run[/]" if state == "SKIPPED" else f"{took}{again}{cached}"
            self._print(f"{_MARKS[state]} {name:<18} {details}")
        if state == "FAILED":
            self._fail(event)

    def _fail(self, event: dict[str, Any]) -> None:
        reason = _NOT_STARTED if event["before"] else event.get("reason") or _NO_LOG
        self._print(f"    {escape(reason)}")
        if self.failure is None:
            self.failure = Failure(
                event["name"], reason, event.get("error_code"), bool(event.get("refused")), event.get("gates") or []
            )

    def _print(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)
