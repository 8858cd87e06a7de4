"""All gates on the scored test pairs, and the intervals that they rest on."""

from typing import NamedTuple

import numpy as np

from components.model_gate import sanity
from components.model_gate.baseline_change import Change, Test, change_gate, pixels_gate
from components.model_gate.bootstrap import Units, bounds, standard_errors
from components.model_gate.settings import GateSettings, MeasureSettings
from components.model_gate.slices import slice_gates
from components.pair_scores.table import ScoredPairs
from components.run_outcome.verdict import GateResult
from models.verification.metrics import Interval, MeasuredIntervals, PairMetrics, higher_is_better
from models.verification.rates import Floats

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
    verdicts.append(sanity.finite(pairs.score, pairs.distance))
    if not verdicts[-1].passed:
        return GateDecisions(verdicts, None)
    verdicts.append(sanity.collapse(pairs.score, pairs.distance))
    verdicts.append(sanity.polarity(pairs.same, pairs.score, pairs.distance))

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
