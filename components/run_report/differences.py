"""The differences between two runs; pure functions.

A is the run that B is compared with: a gain is positive if B is better.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.gates.model_gate.decisions import gate_decisions
from components.gates.model_gate.settings import GateSettings, MeasureSettings
from components.pair_scores.table import ScoredPairs
from components.run_outcome.summary import RunSummary
from components.run_report.pictures import EACH
from models.verification.metrics import MeasuredIntervals

_FEWEST = 20  # pairs that are compared, of the whole and of a slice


def common_pairs(a: ScoredPairs, b: ScoredPairs, at_least: int = _FEWEST) -> ScoredPairs | None:
    """The pairs that both runs scored, A as the baseline of B; None if they are fewer than ``at_least``."""
    rows = {key: row for row, key in enumerate(_keys(a))}
    found = np.array([rows.get(key, -1) for key in _keys(b)], dtype=np.int64)
    both = found >= 0
    if both.sum() < max(at_least, 1):
        return None
    return replace(b.take(both), baseline_score=a.score[found[both]], baseline_distance=a.distance[found[both]])


def paired_metrics(common: ScoredPairs, config: Mapping[str, Any], seed: int) -> MeasuredIntervals | None:
    """The metrics of both models on the same pairs, with intervals; None if a score is not finite.

    Args:
      common: of ``common_pairs``.
      config: of B.
      seed: of the bootstrap.
    """
    if common.baseline_score is None or not np.isfinite(common.baseline_score).all():
        return None
    measures = MeasureSettings.model_validate(config.get("measures", {}))
    by = str(config.get("data", {}).get("split", {}).get("by", "identity"))
    no_gates = GateSettings(min_pairs=2, max_drop={}, slices=(), beats_pixels=False)
    return gate_decisions(common, no_gates, measures, by, seed, "").intervals


def sentences(
    a: RunSummary, b: RunSummary, scored: tuple[int, int], common: int, found: MeasuredIntervals | None
) -> Iterator[str]:
    """Which run is better and by how much, then the basis of the comparison.

    Args:
      a: summary of A.
      b: of B.
      scored: numbers of test pairs that A and B scored.
      common: number that both scored; 0 if there are too few.
      found: the metrics on these.
    """
    if a.run_id == b.run_id:
        yield "A and B are the same run."
        return
    yield _verdict(scored, common, found)
    for name, one in (("A", a), ("B", b)):
        if one.status in ("failed", "skipped"):
            yield f"{name} {one.status}: {one.error or one.skipped or 'no reason was recorded'}"
    if common:
        yield f"{common:,} test pairs were scored by both, of A's {scored[0]:,} and B's {scored[1]:,}."
    elif all(scored):
        yield (
            f"A scored {scored[0]:,} test pairs, B {scored[1]:,}, with too few in common: the data, the split or the "
            "seed differ. The metrics below are each run's own, and reflect both the pairs and the models."
        )


def _verdict(scored: tuple[int, int], common: int, found: MeasuredIntervals | None) -> str:
    if not all(scored):
        missing = " and ".join(name for name, pairs in zip("AB", scored, strict=True) if not pairs)
        return f"Not comparable: {missing} scored no test pair."
    if not common:
        return "Not comparable: the test pairs differ."
    gain = found.gain.get("accuracy") if found else None
    if gain is None or gain.value is None:
        return "Not comparable: some scores are not finite."
    off = f"B's accuracy is {abs(100 * gain.value):.2f} points {'above' if gain.value >= 0 else 'below'} A's"
    if gain.low is None or gain.high is None:
        return f"{off}; its confidence interval is unknown."
    if gain.low == gain.value == gain.high == 0:
        return "Both are equally accurate on all bootstrap samples."
    between = f"95%: {100 * gain.low:+.2f} to {100 * gain.high:+.2f}"
    if gain.low > 0:
        return f"B is better: {off} ({between})."
    return f"A is better: {off} ({between})." if gain.high < 0 else f"No significant difference: {off} ({between})."


def differences(a: Mapping[str, Any], b: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(dotted key, A's value, B's value) of each difference of two configurations; None for a missing key."""
    for key in [*a, *(key for key in b if key not in a)]:
        one, other = a.get(key), b.get(key)
        if isinstance(one or {}, Mapping) and isinstance(other or {}, Mapping) and (one or other):
            yield from differences(one or {}, other or {}, f"{above}{key}.")
        elif one != other:
            yield f"{above}{key}", one, other


class SliceChange(NamedTuple):
    """The accuracy of both models on the pairs of a slice."""

    name: str
    pairs: int
    a: float
    b: float

    @property
    def gain(self) -> float:
        """B's accuracy over A's."""
        return self.b - self.a


def slice_changes(common: ScoredPairs) -> list[SliceChange]:
    """Accuracy by slice of the pairs that both scored, the largest loss of B first; without small slices."""
    if common.baseline_score is None:
        return []
    right = [(score > 0.5) == common.same for score in (common.baseline_score, common.score)]
    found = []
    for column, values in common.slices.items():
        for value in np.unique(values[values != ""]):
            rows = values == value
            if (pairs := int(rows.sum())) >= _FEWEST:
                found.append(SliceChange(f"{column}: {value}", pairs, *(float(one[rows].mean()) for one in right)))
    return sorted(found, key=lambda one: one.gain)


def changed_pairs(common: ScoredPairs) -> dict[str, NDArray[np.int64]]:
    """The rows of pairs that only one run classifies correctly, by heading, the largest change of score first."""
    if common.baseline_score is None:
        return {}
    a, b = common.baseline_score > 0.5, common.score > 0.5
    order = np.argsort(-np.abs(common.score - common.baseline_score), kind="stable")
    found = {
        f"Correct in {right}, misclassified in {wrong}: {kind} pairs": order[(correct & (a != b) & chosen)[order]]
        for right, wrong, correct in (("A", "B", a == common.same), ("B", "A", b == common.same))
        for kind, chosen in (("genuine", common.same), ("impostor", ~common.same))
    }
    return {f"{heading}, {len(rows):,}": rows[:EACH] for heading, rows in found.items() if len(rows)}


def _keys(scores: ScoredPairs) -> list[tuple[str, str, bool]]:
    return list(zip(*scores.images, scores.same.tolist(), strict=True))
