"""The verdict of a run: status, exit code, gates, sentences, next step. The one place where it is computed.

The terminal, ``summary.json``, ``outcome.json``, the report, the webhook, ``siamese runs`` and
``siamese kubeflow follow`` show an ``Outcome``. Pure: no TFX, no network.
"""

import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, computed_field

from models.error_codes import CODES
from models.errors import (
    ExitCode,
    GateRefusal,
    NotEnoughNewData,
    Terminated,
    TrainingFailed,
    UserError,
    chain,
    disk_fault,
    memory_fault,
    remote_cause,
)

OUTCOME_FILE = "outcome.json"
VERDICT_FILE = "verdict.json"  # of one gate component

Status = Literal["running", "pushed", "refused", "skipped", "failed", "interrupted"]
E = TypeVar("E", bound=BaseException)

DISK_CODE = "disk-full"
UNKNOWN_CODE = "user-error"  # of a run of the time before error codes
_STANDING = "what served before still serves"


class GateResult(BaseModel):
    """A gate's name, whether the model (or the data) passed it, and the reason in a sentence."""

    model_config = ConfigDict(frozen=True)

    name: str
    passed: bool
    reason: str


class Verdict(BaseModel):
    """The content of ``verdict.json``: the results of one gate component."""

    gates: list[GateResult]


class DataRefused(UserError):
    """A gate on the data refused it: the user's error.

    Attributes:
      gates: the results of the gate; a failed node publishes no artifact, so they travel with the exception.
    """

    def __init__(self, message: str, code: str, gates: Iterable[GateResult]) -> None:
        super().__init__(message, code)
        self.gates = tuple(gates)
        self.args = (message, code, self.gates)


class Line(NamedTuple):
    """The verdict in one line: ``label`` ("Pushed", "Refused:", ...) and the rest of the line."""

    label: str
    text: str


class Outcome(BaseModel):
    """How a run ended. ``outcome.json`` has these fields and ``exit_code``, ``sentence`` and ``next_step``.

    Attributes:
      name: of the pipeline.
      run_id: of the run.
      status: "pushed" if the model of this run serves (pushed by this run or before), "refused" by a gate, "skipped"
        before the training for lack of new data, "failed", "interrupted" by a signal or without a trace, or "running".
      already_serving: the identical model served before.
      pushed_version: of the serving folder.
      gates: every gate that was reached, in the order of the graph.
      skipped: why the run ended before the training.
      error: why the run failed, in one line; of a pushed run, what failed after the push.
      error_code: of ``models.error_codes``, if the error has one.
      failed_component: the node that failed; None if the run failed before its first node.
      signal: number of the signal that asked the run to end.
    """

    name: str = ""
    run_id: str
    status: Status
    already_serving: bool = False
    pushed_version: int | None = None
    gates: list[GateResult] = []
    skipped: str | None = None
    error: str | None = None
    error_code: str | None = None
    failed_component: str | None = None
    signal: int | None = None

    @classmethod
    def of_push(cls, pushed: bool, already_serving: bool, version: int | None, **fields: Any) -> "Outcome":
        """Of a run whose Pusher ran: "pushed" if the model serves, else "refused".

        Args:
          pushed: by this run itself.
          already_serving: the identical model served before.
          version: that serves the model.
          **fields: ``name``, ``run_id``, ``gates``.
        """
        serves = pushed or already_serving
        return cls(
            status="pushed" if serves else "refused",
            already_serving=already_serving,
            pushed_version=version if serves else None,
            **fields,
        )

    @classmethod
    def of_error(cls, error: BaseException, gates: Iterable[GateResult] = (), **fields: Any) -> "Outcome":
        """Of a run that an exception ended.

        Args:
          error: as it was raised; what it was raised from is looked at too.
          gates: that were reached before; those that the exception carries are added.
          **fields: ``name``, ``run_id``, ``failed_component``; ``already_serving`` and ``pushed_version`` if the model
            serves: then the run is "pushed", whatever failed after the push.
        """
        fields["gates"] = [*gates, *gates_on(error)]
        if interruption := cause_of(error, Terminated) or cause_of(error, KeyboardInterrupt):
            number = getattr(interruption, "signal", int(signal.SIGINT))
            by = f"stopped by {signal.Signals(number).name}"
            if number == signal.SIGINT:
                by = "KeyboardInterrupt: stopped by Ctrl-C"
            return cls(status="interrupted", error=by, signal=number, **fields)
        if skipped := cause_of(error, NotEnoughNewData):
            return cls.of_skip(str(skipped), **{**fields, "failed_component": None})
        if cause_of(error, GateRefusal):
            return cls(status="refused", **{**fields, "failed_component": None})
        if coded := cause_of(error, UserError) or cause_of(error, TrainingFailed):
            message, code = str(coded), coded.code
        elif fault := disk_fault(error):
            message, code = fault, DISK_CODE
        elif memory_fault(error):
            message, code = f"memory ran out: {one_line(error)}", "memory-exhausted"
        else:
            message, code = one_line(error), None
        serves = fields.get("already_serving") or fields.get("pushed_version") is not None
        return cls(status="pushed" if serves else "failed", error=message, error_code=code, **fields)

    @classmethod
    def of_vanished(cls, **fields: Any) -> "Outcome":
        """Of a run whose process has ended and has recorded no end: "interrupted".

        Args:
          **fields: ``name``, ``run_id``; ``pushed_version`` if it had pushed.
        """
        why = "its process ended without a verdict: it was killed, memory ran out, or the machine stopped"
        return cls(status="interrupted", error=why, **fields)

    @classmethod
    def of_failed_node(cls, node: str, event: Mapping[str, Any], **fields: Any) -> "Outcome":
        """Of a cluster's run that a node ended, from what is known of it.

        Args:
          node: that failed.
          event: ``refused`` (whether a gate refused), ``reason``, ``error_code``, ``gates``.
          **fields: ``name``, ``run_id``.
        """
        gates = event.get("gates") or []
        if event.get("refused"):
            return cls(status="refused", gates=gates, **fields)
        about = {"error": event.get("reason"), "error_code": event.get("error_code"), "gates": gates}
        return cls(status="failed", failed_component=node, **about, **fields)

    @classmethod
    def of_skip(cls, reason: str, gates: Iterable[GateResult], **fields: Any) -> "Outcome":
        """Of a run that ended before the training because too few images are new; ``fields``: ``name``, ``run_id``."""
        return cls(status="skipped", skipped=reason, gates=list(gates), **fields)

    def after(self, gates: Iterable[GateResult]) -> "Outcome":
        """The same with gates that were reached before, those of its own last."""
        own = {gate.name for gate in self.gates}
        return self.model_copy(update={"gates": [*(gate for gate in gates if gate.name not in own), *self.gates]})

    @property
    def kind(self) -> str:
        """The value of ``alerts.on`` that this outcome belongs to; "skipped" and "running" belong to none."""
        if self.status == "interrupted":
            return "failed"
        return "serving" if self._already else self.status

    @computed_field  # type: ignore[prop-decorator]
    @property
    def exit_code(self) -> int:
        """Of ``siamese run`` and ``siamese kubeflow follow``."""
        if self.status == "failed":
            return exit_code_of(self.error_code)
        if self.signal:
            return 128 + self.signal
        ends = {"pushed": ExitCode.PUSHED, "skipped": ExitCode.SKIPPED, "refused": ExitCode.REFUSED}
        return ends.get(self.status, ExitCode.FAILED)

    @property
    def is_settled(self) -> bool:
        """Whether the same run would fail alike: by the user's own error, unless its cause may pass by itself."""
        return self.exit_code == ExitCode.USER_ERROR and not (
            self.error_code in CODES and CODES[self.error_code].may_pass
        )

    @computed_field  # type: ignore[prop-decorator]
    @property
    def sentence(self) -> str:
        """What happened and why, with the pipeline and the run: for messages that stand alone."""
        run = f"run {self.run_id}" if self.run_id else "a run"
        if self.name:
            run = f"{self.name}: {run}"
        if self._already:
            return f"{run}: this model already serves, as version {self.pushed_version}"
        if self.status == "pushed":
            return f"{run} pushed version {self.pushed_version}"
        if self.status == "running":
            return f"{run} is in progress"
        if self.status == "interrupted":
            return f"{run} was interrupted in {self._where}: {self.error}{self._push_before}"
        if self.status == "refused":
            return f"{run} was refused, {_STANDING}: {refusals(self.gates) or 'it was not blessed'}"
        if self.status == "skipped":
            return f"{run} was skipped: {self.skipped}"
        return f"{run} failed in {self._where}: {self._error_with_code}"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def next_step(self) -> str:
        """What to do now; empty if there is nothing to do."""
        if self.exit_code == ExitCode.USER_ERROR:
            return "Fix what the error names, then start the same run again: finished components are reused."
        if self.status == "interrupted":
            return "Start the same run again: finished components are reused, the training resumes from its checkpoint."
        if self.status == "failed":
            return "Start the same run again: the training resumes from its checkpoint. If it fails again, see log.txt."
        if self.status == "refused":
            return (
                "Look at the misclassified pairs below: fix wrong labels in the data; for look-alikes add images of "
                "those identities; otherwise change the recipe (tuner.trials)."
            )
        if self.status == "pushed" and not self._already:
            return (
                "Evaluate it on pairs of your own (siamese evaluate), and look at the misclassified pairs below: fix "
                "wrong labels among them in the data."
            )
        return ""

    @property
    def headline(self) -> str:
        """The first line of the report."""
        if self._already:
            return f"This model already serves, as version {self.pushed_version}."
        if self.status == "pushed":
            return f"This model may be used: every gate passed, and it serves as version {self.pushed_version}."
        if self.status == "refused":
            return f"{decision(self.gates)} {_STANDING.capitalize()}."
        if self.status == "skipped":
            return "Nothing was trained: too few images are new."
        if self.status == "running":
            return "The run is in progress."
        if self.status == "interrupted":
            return f"The run was interrupted in {self._where}{self._push_before or '. Nothing was pushed'}."
        return f"The run failed in {self._where}. Nothing was pushed."

    def reasons(self) -> Iterator[str]:
        """Why nothing was pushed, one sentence each; empty for a push."""
        if self.status == "failed" or self.error:
            yield self._error_with_code
        elif self.skipped:
            yield self.skipped
        yield from (f"{gate.name}: {gate.reason}." for gate in self.gates if not gate.passed)

    def line(self, serving: str = "") -> Line:
        """The last line of the terminal.

        Args:
          serving: address of the serving folder, if it is known.
        """
        if self._already:
            return Line("Already serving:", f"version {self.pushed_version} is the identical model.")
        if self.status == "pushed":
            where = f": {serving}/{self.pushed_version}" if serving else ""
            return Line("Pushed", f"as version {self.pushed_version}{where}")
        if self.status == "refused":
            return Line("Refused:", f"nothing was pushed; {_STANDING}.")
        if self.status == "skipped":
            return Line("Skipped:", self.skipped or "")
        if self.status == "running":
            return Line("Running:", "the run is in progress.")
        if self.status == "interrupted":
            return Line("Interrupted", f"in {self._where}: {self.error}{self._push_before}")
        if self.failed_component:
            return Line("Failed", f"in {self.failed_component}: {self._error_with_code}")
        return Line("Failed:", self._error_with_code)

    @property
    def _already(self) -> bool:
        return self.status == "pushed" and self.already_serving

    @property
    def _push_before(self) -> str:
        return f"; version {self.pushed_version} was pushed before" if self.pushed_version is not None else ""

    @property
    def _where(self) -> str:
        return self.failed_component or "its beginning"

    @property
    def _error_with_code(self) -> str:
        error = self.error or "no reason is known; log.txt has the whole log"
        return error if self.error_code in (None, UNKNOWN_CODE) else f"{error} [{self.error_code}]"


def exit_code_of(error_code: str | None) -> ExitCode:
    """The exit code of a failed run: 1 without an error code; 2 with one that this release does not know."""
    if error_code is None:
        return ExitCode.FAILED
    return CODES[error_code].exit_code if error_code in CODES else ExitCode.USER_ERROR


def decision(gates: Sequence[GateResult]) -> str:
    """Whether a model may serve by the gates that it has reached, in a sentence."""
    refused = [gate.name for gate in gates if not gate.passed]
    if refused:
        return f"This model must not be used: {len(refused)} of {len(gates)} gates refused it: {', '.join(refused)}."
    return "This model must not be used: it was not blessed."


def gate_results(content: bytes | str) -> list[GateResult]:
    """The results in a ``verdict.json``."""
    return Verdict.model_validate_json(content).gates


def refusals(gates: Iterable[GateResult]) -> str:
    """The reasons of the gates that refused, in one line; empty if none did."""
    return "; ".join(f"{gate.name}: {gate.reason}" for gate in gates if not gate.passed)


def with_push(gates: Iterable[GateResult], declined: str) -> list[GateResult]:
    """``gates``, and the refusal "push" if the Pusher declined a model that all of them passed."""
    found = list(gates)
    return [*found, GateResult(name="push", passed=False, reason=declined)] if declined else found


def gates_on(error: BaseException) -> list[GateResult]:
    """The gate results that an exception, or one that it was raised from, carries."""
    found = next((gates for one in chain(error) if (gates := getattr(one, "gates", ()))), ())
    return [GateResult.model_validate(gate) for gate in found]


def cause_of(error: BaseException | None, kind: type[E]) -> E | None:
    """The first exception of ``kind`` among ``error`` and what it was raised from."""
    return next((one for one in chain(error) if isinstance(one, kind)), None)


def one_line(error: BaseException) -> str:
    """An exception that is no ``UserError``, for people: its class and its text, or the cause in another process."""
    text = " ".join(str(error).split())
    if (cause := remote_cause(str(error))) != text:
        return cause[:500]
    return f"{type(error).__name__}: {text[:500]}" if text else type(error).__name__
