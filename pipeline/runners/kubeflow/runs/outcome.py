"""What a run on the cluster came to, and how that is told: the same words and exit codes as of a local run."""

import threading
from contextlib import suppress
from typing import Any, NamedTuple

from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from components.run_outcome.outcome import OUTCOME_FILE, Outcome
from models.errors import ExitCode
from pipeline.runners.kubeflow.runs.run_artifacts import RunInRoot
from pipeline.terminal.stages import gates_table

_NODE, _OUTPUT = "Outcome", "outcome"


class Failure(NamedTuple):
    """A node that failed: why, whether that is the user's to mend, whether it is a gate's refusal."""

    node: str
    reason: str
    mend: bool
    refused: bool


def outcome_of(result: dict[str, Any], pipeline_root: str | None) -> Outcome | None:
    """From the log of the node Outcome, where the server had it; else from the pipeline root."""
    if result["outcome"]:
        try:
            return Outcome.model_validate(result["outcome"])
        except ValidationError:
            return None
    if result["skipped"]:
        return None  # it did not come that far, and was not to
    root = result["pipeline_root"] or pipeline_root
    return read_outcome(root, result["pipeline"], result["run_id"]) if root and result["pipeline"] else None


def read_outcome(root: str, pipeline: str, run_id: str, patience: float = 30) -> Outcome | None:
    """``<root>/<pipeline>/<run id>/Outcome/<uuid>/outcome/outcome.json``; None where it cannot be read from here.

    Args:
      root: the pipeline root.
      pipeline: its name.
      run_id: of the run.
      patience: seconds; without credentials or a network, the libraries of object stores try for minutes.
    """
    found: list[Outcome] = []

    def read() -> None:
        # No library, no credentials, no network, no such run: it is then told where to look.
        with suppress(Exception):
            content = RunInRoot(root, pipeline, run_id).read(f"{_NODE}/*/{_OUTPUT}/{OUTCOME_FILE}")
            found.extend([Outcome.model_validate_json(content)] if content else [])

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(patience)
    return found[0] if found else None


def show_verdict(console: Console, result: dict[str, Any], outcome: Outcome | None, failure: Failure | None) -> int:
    """The end of a run.

    Args:
      console: to write to.
      result: of following the run.
      outcome: None where the run did not come that far, or it cannot be read from here.
      failure: the first node that failed; None where none did.

    Returns:
      The exit code: 0 pushed, already serving or skipped, 3 refused, 2 the input or the configuration is wrong, 1
      anything else.
    """
    if outcome and outcome.gates:
        console.print(gates_table(outcome.gates))
    console.print()
    if (outcome and outcome.status == "refused") or (failure and failure.refused):
        console.print("[bold red]Refused:[/] nothing was pushed; what served before still serves.")
        return ExitCode.REFUSED
    if outcome:
        already = f"[bold green]Already serving:[/] version {outcome.pushed_version} is this very model."
        pushed = f"[bold green]Pushed[/] as version {outcome.pushed_version}"
        console.print(already if outcome.already_serving else pushed)
        return ExitCode.PUSHED
    if result["skipped"]:
        console.print(f"[bold green]Skipped:[/] {escape(result['skipped'])}", soft_wrap=True)
        return ExitCode.SKIPPED
    state = str(result["state"]).lower()
    if state == "succeeded":
        told = "[bold]Succeeded[/]; whether it pushed cannot be read from here: see the log of the node Outcome"
    elif failure:
        told = f"[bold red]Failed[/] in {failure.node}: {escape(failure.reason)}"
    else:
        told = f"[bold red]{state.capitalize()}[/]: {escape(result['error'] or 'see its page')}"
    console.print(told, soft_wrap=True)
    return ExitCode.USER_ERROR if failure and failure.mend else ExitCode.FAILED
