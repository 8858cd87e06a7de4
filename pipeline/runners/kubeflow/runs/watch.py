"""A run on the cluster as a person watches it: nodes as they start, are tried again and end, and its outcome."""

from contextlib import suppress
from typing import Any, NamedTuple

from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from components.run_outcome.verdict import GateResult, Outcome
from models.errors import ExitCode
from pipeline.runners.kubeflow.entrypoint.alerts import PATIENCE
from pipeline.runners.kubeflow.runs.server import Cluster, Event
from pipeline.terminal import show_outcome

_MARKS = {"SUCCEEDED": "[green]✓[/]", "FAILED": "[red]✗[/]", "CANCELED": "[red]✗[/]", "SKIPPED": "[dim]-[/]"}
_NOT_STARTED = "it was never started: {reason}"
_NO_LOG = "its log cannot be read from here; see the run's page"
_NO_DRIVER_LOG = "see the log of its driver"
_ROOT = "the pipeline root"
_PATIENCE = 5.0  # seconds for the pipeline root where the reason is known, and only gates may be added


class Watch:
    """Shows the events of a run.

    Attributes:
      run_id: of the run, once it is known.
      failure: what the first node that failed means for the run: that it failed, or was refused.
      seconds: of each node that has ended.
    """

    def __init__(self, console: Console) -> None:
        self._console, self._status = console, Status("", console=console)
        self._running: list[str] = []
        self.run_id: str | None = None
        self.failure: Outcome | None = None
        self.seconds: dict[str, float] = {}

    def ask(self, cluster: Cluster, operation: str, **request: Any) -> Event:
        """Carries out an operation on a run, as ``Cluster.ask`` does, and shows its events."""
        self.run_id = request.get("run_id")
        try:
            return cluster.ask(operation, self._on_event, **request)
        finally:
            self._status.stop()

    def _on_event(self, event: Event) -> None:
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

    def _step(self, event: Event) -> None:
        name, state = event["name"], event["state"]
        if event["seconds"] is not None:
            self.seconds[name] = event["seconds"]
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

    def _fail(self, event: Event) -> None:
        reason = event.get("reason") or (_NO_DRIVER_LOG if event["before"] else _NO_LOG)
        if event["before"]:
            reason = _NOT_STARTED.format(reason=reason)
        self._print(f"    {escape(reason)}")
        if self.failure is None:
            self.failure = Outcome.of_failed_node(event["name"], {**event, "reason": reason}, run_id="")

    def _print(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)


class Verdict(NamedTuple):
    """How a run has ended: its outcome, None where it succeeded and its outcome cannot be read from here.

    Attributes:
      outcome: of the run.
      source: what answered; None where nothing did, or nothing was needed.
    """

    outcome: Outcome | None
    source: str | None = None


def verdict_of(result: Event, failure: Outcome | None, pipeline_root: str | None) -> Verdict:
    """The verdict of a run that has ended.

    Args:
      result: of following the run.
      failure: by the first node that failed; None if none did.
      pipeline_root: if the server does not return it.
    """
    with suppress(ValidationError):
        if result["outcome"]:
            return Verdict(Outcome.model_validate(result["outcome"]), result["source"])
    from pipeline.runners.kubeflow.runs.run_artifacts import read_gates, read_outcome  # seconds

    fields = {"name": result["pipeline"] or "", "run_id": result["run_id"]}
    root = result["pipeline_root"] or pipeline_root
    patience = _PATIENCE if result["source"] else PATIENCE  # without keys a store keeps everybody waiting
    of_run = (root, result["pipeline"], result["run_id"], patience) if root and result["pipeline"] else None
    if result["skipped"]:
        skipped = Outcome.of_skip(result["skipped"], map(GateResult.model_validate, result["gates"]), **fields)
        return Verdict(skipped.after(read_gates(*of_run)) if of_run else skipped, result["source"])
    if of_run and (written := read_outcome(*of_run)):
        return Verdict(written, f"{_ROOT} {root}")
    state = str(result["state"]).lower()
    if state == "succeeded" and not (failure and failure.status == "refused"):
        return Verdict(None)
    if failure is None:
        return Verdict(Outcome(status="failed", error=result["error"] or f"the run is {state}; see its page", **fields))
    failed = failure.model_copy(update=fields)
    return Verdict(failed.after(read_gates(*of_run)) if of_run else failed, result["source"])


def show_verdict(console: Console, verdict: Verdict, result: Event) -> int:
    """Prints the verdict of a run, and where it was read; returns the exit code."""
    if verdict.outcome is None:
        tried = "; ".join(f"{name}: {why}" for name, why in result["reasons"].items())
        tried = f"{tried}; {_ROOT}: no keys for it, or no outcome in it" if tried else "see the log of the node Outcome"
        console.print(
            f"\n[bold]Succeeded[/]; whether it pushed cannot be read from here. {escape(tried)}", soft_wrap=True
        )
        if result["log"]:
            console.print(f'Read it: {escape(result["log"])} | grep \'"event": "outcome"\'', soft_wrap=True)
        return ExitCode.UNREADABLE
    if verdict.source:
        console.print(f"[dim]verdict from {escape(verdict.source)}[/]", soft_wrap=True)
    show_outcome(console, verdict.outcome)
    return verdict.outcome.exit_code
