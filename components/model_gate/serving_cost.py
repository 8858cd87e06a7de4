"""Serving cost (size, latency) relative to the served model: off unless configured."""

import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from components.run_outcome.verdict import GateResult

_ROUNDS, _WARM_UP = 60, 10


def bytes_of(model_dir: Path) -> int:
    """Total size of a SavedModel."""
    return sum(path.stat().st_size for path in model_dir.rglob("*") if path.is_file())


def latencies(calls: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Median seconds of each call, measured in turns so that other load affects all alike."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(_WARM_UP + _ROUNDS):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if turn >= _WARM_UP:
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def cost_gate(name: str, unit: str, candidate: float, baseline: float, most: float) -> GateResult:
    """Refuses a candidate that takes more than ``most`` times what the served model takes."""
    ratio = candidate / baseline
    reason = f"{candidate:,.2f} {unit} against {baseline:,.2f} of the served model: {ratio:.2f} times, {most:g} allowed"
    return GateResult(name=name, passed=ratio <= most, reason=reason)
