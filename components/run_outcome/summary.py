"""``summary.json``: what a run came to. Fields are added, never renamed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from components.run_outcome.gate_result import GateResult
from components.run_outcome.versions import versions
from models.errors import ExitCode
from models.export.manifest import CalibrationReport
from models.verification.intervals import MeasuredIntervals

FILE = "summary.json"


class Metric(BaseModel):
    """A measure on the test split with its 95% interval, absent where nothing has measured it."""

    value: float
    low: float | None = None
    high: float | None = None


class RunSummary(BaseModel):
    """The outcome of one run, written also after a failure."""

    model_config = ConfigDict(extra="allow")

    run_id: str
    status: Literal["pushed", "refused", "failed", "skipped"]
    already_serving: bool = False  # the identical model served before: nothing new was pushed
    exit_code: int
    error: str | None = None
    skipped: str | None = None  # why it ended before the training, as it should
    failed_component: str | None = None
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
    seconds: float = 0.0
    seed: int
    config_digest: str
    config: dict[str, Any] = {}
    versions: dict[str, str] = {}

    @classmethod
    def begun(cls, run_id: str, config: Mapping[str, Any], config_digest: str) -> "RunSummary":
        """Of a run of which nothing else is known: as if it had failed.

        Args:
          run_id: of the run.
          config: its whole configuration; empty where that is not known.
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

    def end(self, pushed: bool) -> None:
        """What it came to, of a run that got to its end.

        Args:
          pushed: by this run itself.
        """
        served = pushed or self.already_serving
        self.status, self.exit_code = ("pushed", ExitCode.PUSHED) if served else ("refused", ExitCode.REFUSED)

    def write(self, run_dir: Path) -> Path:
        """Writes ``run_dir/summary.json`` in one step."""
        path, staging = run_dir / FILE, run_dir / f".{FILE}"
        staging.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        staging.replace(path)
        return path


def read_summaries(output: Path) -> list[RunSummary]:
    """The summaries of all runs under an output folder, oldest first.

    One that cannot be read (damaged, or of another release) is a failed run that says so.
    """
    paths = sorted((output / "runs").glob(f"*/{FILE}"))
    return [_read(path) for path in paths if not path.parent.is_symlink()]


def _read(path: Path) -> RunSummary:
    try:
        return RunSummary.model_validate_json(path.read_text("utf-8"))
    except (ValidationError, UnicodeDecodeError, OSError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        told = f"{path}: not readable as a summary: {why}"
        return RunSummary(run_id=path.parent.name, status="failed", exit_code=1, error=told, seed=0, config_digest="")
