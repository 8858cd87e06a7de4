"""``summary.json``: the outcome of a run, its metrics, counts and times. Fields are added, never renamed."""

import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from components.run_outcome.verdict import UNKNOWN_CODE, GateResult, Outcome, Status
from components.storage.folder_lock import in_use
from models.errors import ExitCode
from models.export.manifest import CalibrationReport
from models.user_files import read_bytes
from models.verification.metrics import MeasuredIntervals

FILE = "summary.json"

_LIBRARIES = ("siamese-pipeline", "tfx", "tensorflow", "keras", "apache-beam", "tensorflow-model-analysis")


class Metric(BaseModel):
    """A metric on the test split with its 95% interval, if the ModelGate could compute one."""

    value: float
    low: float | None = None
    high: float | None = None


class RunSummary(BaseModel):
    """The summary of one run, written when it begins and again at its end, whatever that is.

    ``outcome`` is its verdict.
    """

    model_config = ConfigDict(extra="allow")

    run_id: str
    status: Status
    already_serving: bool = False  # the identical model served before: nothing new was pushed
    exit_code: int
    error: str | None = None
    error_code: str | None = None  # of models.error_codes, if the error has one
    skipped: str | None = None  # why it ended before the training, for lack of new data
    failed_component: str | None = None
    signal: int | None = None  # that asked the run to end
    alert: str | None = None  # why alerts.webhook was not reached; None: nothing was to be sent, or it arrived
    gates: list[GateResult] = []
    metrics: dict[str, Metric] = {}
    baseline_metrics: dict[str, Metric] = {}
    gains: dict[str, Metric] = {}  # how much better than the baseline on the same pairs; positive is better
    baseline: dict[str, Any] = {}  # what served when the run began: status, version, digest
    slices: dict[str, dict[str, float]] = {}
    threshold: float | None = None
    calibration: CalibrationReport | None = None  # what the threshold is for; its validation figures
    tuned: dict[str, int | float] | None = None  # values that the Tuner found, in the place of the configuration's
    pushed_version: int | None = None
    counts: dict[str, Any] = {}
    timings: dict[str, float] = {}  # seconds a component
    peak_memory_mb: dict[str, float] = {}  # of the process while the component ran
    cached: list[str] = []
    same_as: str | None = None  # the earlier run on the same inputs, whose verdict and figures these are
    settled: str | None = None  # the digest of the inputs that lead to this verdict
    seconds: float = 0.0
    seed: int
    config_digest: str
    config: dict[str, Any] = {}
    versions: dict[str, str] = {}

    @classmethod
    def begun(cls, run_id: str, config: Mapping[str, Any], config_digest: str) -> "RunSummary":
        """Of a run of which nothing else is known: a failed one.

        Args:
          run_id: of the run.
          config: its entire configuration; empty if that is not known.
          config_digest: of it.
        """
        return cls(
            run_id=run_id,
            status="failed",
            exit_code=ExitCode.FAILED,
            seed=config.get("seed", 0),
            config_digest=config_digest,
            config=dict(config),
            versions=versions(),
        )

    def add_intervals(self, measured: MeasuredIntervals) -> None:
        """Adds what the paired bootstrap found; the values stay the Evaluator's."""
        for metrics, intervals in (
            (self.metrics, measured.candidate),
            (self.baseline_metrics, measured.baseline),
        ):
            for name in metrics.keys() & intervals.keys():
                low, high = intervals[name].low, intervals[name].high
                metrics[name] = Metric(value=metrics[name].value, low=low, high=high)
        self.gains = {
            name: Metric(value=gain.value, low=gain.low, high=gain.high)
            for name, gain in measured.gain.items()
            if gain.value is not None
        }

    @property
    def outcome(self) -> Outcome:
        """The verdict."""
        code = self.error_code or (UNKNOWN_CODE if self.exit_code == ExitCode.USER_ERROR else None)
        fields = {name: getattr(self, name) for name in _OF_OUTCOME}
        return Outcome(**{**fields, "name": self.config.get("name", ""), "error_code": code})

    def conclude(self, outcome: Outcome) -> None:
        """Takes over the verdict."""
        for name in (*_OF_OUTCOME, "exit_code"):
            setattr(self, name, getattr(outcome, name))

    def known(self) -> dict[str, Any]:
        """What an outcome takes over of what is known already, but for the gates."""
        names = ("run_id", "failed_component", "already_serving", "pushed_version")
        return {"name": self.config.get("name", ""), **{name: getattr(self, name) for name in names}}

    def write(self, run_dir: Path) -> Path:
        """Writes ``run_dir/summary.json`` in one step; an error leaves the one before it."""
        path, staging = run_dir / FILE, run_dir / f".{FILE}"
        try:
            staging.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
            staging.replace(path)
        except OSError:
            staging.unlink(missing_ok=True)
            raise
        return path


_OF_OUTCOME = tuple(name for name in Outcome.model_fields if name in RunSummary.model_fields)


def read_summaries(output: Path) -> list[RunSummary]:
    """The summaries of all runs under an output folder, oldest first.

    One that cannot be read (damaged, or of another release) becomes a failed run with that error; one that says that
    its run is in progress, where none is, an interrupted one.
    """
    found = recorded_summaries(output)
    running = [one for one in found if one.status == "running"]
    for one in running[: -1 if in_use(output) else None]:  # one run at a time: an earlier one has ended
        one.conclude(Outcome.of_vanished(**one.known()))
    return found


def recorded_summaries(output: Path) -> list[RunSummary]:
    """As ``read_summaries``, but a run that was killed is "running", as it recorded itself."""
    paths = sorted((output / "runs").glob(f"*/{FILE}"))
    return [_read(path) for path in paths if not path.parent.is_symlink()]


def _read(path: Path) -> RunSummary:
    try:
        return RunSummary.model_validate_json(read_bytes(path))
    except (ValidationError, OSError) as raised:
        why = raised.errors()[0]["msg"] if isinstance(raised, ValidationError) else str(raised)
        error = f"{path}: not readable as a summary: {why}"
        return RunSummary(
            run_id=path.parent.name, status="failed", exit_code=ExitCode.FAILED, error=error, seed=0, config_digest=""
        )


def versions() -> dict[str, str]:
    """Versions of Python and of the main libraries, if installed."""
    found = {"python": sys.version.split()[0]}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
