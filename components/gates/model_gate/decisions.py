"""All gates on the scored test pairs, and the intervals that they rest on.

The sanity gates (finite scores, polarity, collapse) need no baseline and no configuration.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.gates.model_gate.baseline_gates import Change, Test, change_gate, pixels_gate
from components.gates.model_gate.bootstrap import Units, bounds, standard_errors
from components.gates.model_gate.settings import GateSettings, MeasureSettings
from components.gates.model_gate.slices import slice_gates
from components.pair_scores.table import ScoredPairs
from components.run_outcome.verdict import GateResult
from models.verification.arrays import Floats
from models.verification.metrics import Interval, MeasuredIntervals, PairMetrics, higher_is_better, metric_value

# Distances of a collapsed encoder differ by rounding alone; those of the weakest trained one by much more.
_SPREAD = 1e-3
_INTERVAL = 0.975  # one-sided: 95% between both ends


class GateDecisions(NamedTuple):
    """The gate results and the intervals that they rest on."""

    gates: list[GateResult]
    intervals: MeasuredIntervals | None


def gate_decisions(
    pairs: ScoredPairs, gates: GateSettings, measures: MeasureSettings, split_by: str, seed: int, absence: str
) -> GateDecisions:
    """Evaluates all gates; a candidate that fails the first sanity checks is not compared any further.

    Args:
      pairs: the scored test pairs.
      gates: what it must reach.
      measures: metrics to compute.
      split_by: "image" (a closed set: the bootstrap draws images), else it draws identities.
      seed: of the bootstrap.
      absence: why there is no baseline, if there is none.
    """
    enough = len(pairs.same) >= gates.min_pairs
    count = f"{len(pairs.same):,} test pairs" + ("" if enough else f"; at least {gates.min_pairs} are needed")
    verdicts = [GateResult(name="pairs", passed=enough, reason=count)]
    if not enough:
        return GateDecisions(verdicts, None)
    verdicts.append(finite(pairs.score, pairs.distance))
    if not verdicts[-1].passed:
        return GateDecisions(verdicts, None)
    verdicts.append(collapse(pairs.score, pairs.distance))
    verdicts.append(polarity(pairs.same, pairs.score, pairs.distance))

    drawn, sides = ("images", pairs.images) if split_by == "image" else ("identities", pairs.identities)
    units = Units.of(*sides)
    test = Test(gates.confidence, units.count, drawn, gates.min_identities, gates.unresolved)
    sample = _Sample(pairs, units, measures, gates, seed)
    if gates.beats_pixels:
        verdicts.append(pixels_gate(sample.change("auc", gates.confidence, against="pixels"), test))
    if sample.baseline is None:
        verdicts.append(GateResult(name="baseline", passed=True, reason=absence))
    else:
        verdicts += [
            change_gate(sample.change(name, gates.confidence), allowed, test)
            for name, allowed in gates.max_drop.items()
        ]
    verdicts += slice_gates(pairs, units, gates, measures, seed)
    return GateDecisions(verdicts, sample.intervals(drawn))


def finite(score: Floats, distance: Floats) -> GateResult:
    """Every score and distance is a number, and every score in [0, 1]."""
    bad = ~(np.isfinite(score) & np.isfinite(distance))
    if bad.any():
        reason = f"{bad.sum():,} of {len(bad):,} test pairs have a score or distance that is not a finite number"
        return GateResult(name="finite", passed=False, reason=reason)
    outside = (score < 0) | (score > 1)
    if outside.any():
        worst = score[outside][0]
        reason = f"{outside.sum():,} scores are outside 0 to 1, e.g. {worst:.4f}"
        return GateResult(name="finite", passed=False, reason=reason)
    return GateResult(name="finite", passed=True, reason="every score and distance is a finite number")


def polarity(same: NDArray[np.bool_], score: Floats, distance: Floats) -> GateResult:
    """A higher score means more alike: it falls as the distance grows, and genuine pairs score higher."""
    order = np.argsort(distance, kind="stable")
    if (np.diff(score[order]) > 1e-6).any():
        return GateResult(name="polarity", passed=False, reason="the score does not fall as the distance grows")
    if same.all() or not same.any():
        kind = "genuine" if same.all() else "impostors"
        reason = f"all test pairs are {kind}: whether genuine pairs score higher is unknown"
        return GateResult(name="polarity", passed=False, reason=reason)
    area = metric_value("auc", same, distance)
    if not area > 0.5:
        reason = f"genuine pairs do not score higher than impostors (AUC {area:.4f}, chance is 0.5)"
        return GateResult(name="polarity", passed=False, reason=reason)
    return GateResult(name="polarity", passed=True, reason="genuine pairs score higher than impostors")


def collapse(score: Floats, distance: Floats) -> GateResult:
    """Scores and distances vary with the images."""
    for name, values in (("distances", distance), ("scores", score)):
        low, high = np.quantile(values, [0.01, 0.99])
        # Scores are in [0, 1]; the spread of distances is relative to their size.
        scale = 1.0 if name == "scores" else max(abs(high), abs(low), 1e-3)
        if high - low <= _SPREAD * scale:
            reason = f"the {name} of 98 in 100 test pairs lie between {low:.4g} and {high:.4g}: the encoder collapsed"
            return GateResult(name="collapse", passed=False, reason=reason)
    return GateResult(name="collapse", passed=True, reason="scores and distances vary with the images")


class _Sample:
    """Every metric of every model on the entire test split and on each bootstrap sample of it."""

    def __init__(
        self, pairs: ScoredPairs, units: Units, measures: MeasureSettings, gates: GateSettings, seed: int
    ) -> None:
        self._names, self._units, self._resamples = measures.names, units, gates.resamples
        models = {"candidate": PairMetrics(pairs.same, pairs.score, pairs.distance, measures)}
        self.baseline = None
        if pairs.baseline_score is not None and pairs.baseline_distance is not None:
            self.baseline = PairMetrics(pairs.same, pairs.baseline_score, pairs.baseline_distance, measures)
            models["baseline"] = self.baseline
        pixels = PairMetrics(pairs.same, -pairs.pixel_distance, pairs.pixel_distance, measures)

        def measure(weights: Floats) -> dict[str, Floats]:
            found = {("pixels", "auc"): pixels.measure(["auc"], weights)["auc"]}
            for model, scored in models.items():
                found |= {(model, name): values for name, values in scored.measure(self._names, weights).items()}
            for other, name in [key for key in found if key[0] != "candidate"]:
                sign = 1 if higher_is_better(name) else -1
                found[f"gain over {other}", name] = sign * (found["candidate", name] - found[other, name])
            return {"/".join(key): values for key, values in found.items()}

        self._once = {key: float(values[0]) for key, values in measure(np.ones((1, len(pairs.same)))).items()}
        self._errors = standard_errors(measure, units, gates.resamples, seed)
        self._pairs = len(pairs.same)

    def change(self, name: str, confidence: float, against: str = "baseline") -> Change:
        """The candidate's gain over another model, with one-sided bounds."""
        mine, theirs, gain = (self._once[f"{of}/{name}"] for of in ("candidate", against, f"gain over {against}"))
        return Change(name, mine, theirs, gain, *self._bounds(f"gain over {against}/{name}", confidence))

    def intervals(self, drawn: str) -> MeasuredIntervals:
        """Two-sided 95% intervals of all metrics."""
        found = MeasuredIntervals(
            pairs=self._pairs,
            units=self._units.count,
            drawn=drawn,
            resamples=self._resamples,
            candidate=self._of("candidate"),
        )
        if self.baseline is not None:
            found.baseline = self._of("baseline")
            found.gain = self._of("gain over baseline")
        return found

    def _of(self, what: str) -> dict[str, Interval]:
        least = -1.0 if what.startswith("gain") else 0.0
        found = {}
        for name in self._names:
            low, high = self._bounds(f"{what}/{name}", _INTERVAL)
            found[name] = _interval(self._once[f"{what}/{name}"], max(low, least), min(high, 1.0))
        return found

    def _bounds(self, key: str, confidence: float) -> tuple[float, float]:
        return bounds(self._once[key], self._errors[key], self._units.count, confidence)


def _interval(*ends: float) -> Interval:
    return Interval(
        **{name: end if np.isfinite(end) else None for name, end in zip(("value", "low", "high"), ends, strict=True)}
    )
