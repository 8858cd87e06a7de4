"""The outcome of a run on the cluster, from the server's answer, pod logs and the pipeline root."""

import threading
from contextlib import suppress
from typing import Any, NamedTuple

from pydantic import ValidationError
from rich.console import Console

from components.run_outcome.verdict import Outcome
from models.errors import ExitCode
from pipeline.runners.kubeflow.runs.run_artifacts import RunInRoot
from pipeline.terminal import show_outcome


class Failure(NamedTuple):
    """The first node that failed.

    Attributes:
      node: its id.
      reason: in one line.
      error_code: if a ``UserError`` ended it.
      refused: whether it is the node that fails a refused run.
      gates: results of the gate that stopped the run, if it is one.
    """

    node: str
    reason: str
    error_code: str | None
    refused: bool
    gates: list[dict[str, Any]]


def outcome_of(result: dict[str, Any], failure: Failure | None, pipeline_root: str | None) -> Outcome | None:
    """The outcome of a run that has ended; None if it succeeded and its outcome cannot be read from here.

    Args:
      result: of following the run.
      failure: the first node that failed; None if none did.
      pipeline_root: if the server does not return it.
    """
    fields = {"name": result["pipeline"] or "", "run_id": result["run_id"]}
    if result["skipped"]:
        return Outcome(status="skipped", skipped=result["skipped"], gates=result["gates"], **fields)
    root = result["pipeline_root"] or pipeline_root
    if result["outcome"]:
        with suppress(ValidationError):
            return Outcome.model_validate(result["outcome"])
    elif root and result["pipeline"] and (written := read_outcome(root, result["pipeline"], result["run_id"])):
        return written
    state = str(result["state"]).lower()
    if failure and failure.refused:
        return Outcome(status="refused", **fields)
    if state == "succeeded":
        return None
    if failure is None:
        return Outcome(status="failed", error=result["error"] or f"the run is {state}; see its page", **fields)
    about = {"error": failure.reason, "error_code": failure.error_code, "gates": failure.gates}
    return Outcome(status="failed", failed_component=failure.node, **about, **fields)


def read_outcome(root: str, pipeline: str, run_id: str, patience: float = 30) -> Outcome | None:
    """Reads ``<root>/<pipeline>/<run id>/Outcome/<uuid>/outcome/outcome.json``; None if it cannot be read from here.

    Args:
      root: the pipeline root.
      pipeline: its name.
      run_id: of the run.
      patience: seconds; without credentials or a network, the clients of object stores retry for minutes.
    """
    found: list[Outcome] = []

    def read() -> None:
        # No library, no credentials, no network, no such run: the caller reports where to look.
        with suppress(Exception):
            content = RunInRoot(root, pipeline, run_id).outcome()
            found.extend([Outcome.model_validate_json(content)] if content else [])

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(patience)
    return found[0] if found else None


def show_verdict(console: Console, outcome: Outcome | None) -> int:
    """Prints the outcome; returns the exit code. None: the run succeeded, but its outcome cannot be read from here."""
    if outcome is None:
        console.print(
            "\n[bold]Succeeded[/]; whether it pushed cannot be read from here: see the log of the node Outcome",
            soft_wrap=True,
        )
        return ExitCode.FAILED
    show_outcome(console, outcome)
    return outcome.exit_code
