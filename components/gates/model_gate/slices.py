"""Gates within slices of the test pairs: floors, ceilings, and losses against the model that serves.

A slice that is too small, or has one kind of pair alone and so no AUC (a pair across groups is always an impostor), is
not evaluated: the reason mentions it, and nothing is refused. A metric that is undefined because of the model (a
precision without any pair called the same) is a refusal.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from components.gates.model_gate.baseline_gates import Change, slice_loss
from components.gates.model_gate.bootstrap import Units, bounds, standard_errors
from components.gates.model_gate.settings import GateSettings, MeasureSettings, SliceGate
from components.pair_scores.table import ScoredPairs
from components.run_outcome.verdict import GateResult
from models.verification.metrics import PairMetrics, higher_is_better, needs_both_kinds

Mask = NDArray[np.bool_]
_RESAMPLES = 400
_UNITS = 5  # identities (or images): with fewer in a slice a loss there may be theirs alone


def slice_gates(
    pairs: ScoredPairs, units: Units, settings: GateSettings, measures: MeasureSettings, seed: int
) -> list[GateResult]:
    """One gate for each kind of slice that is configured and present, or that has limits of its own."""
    found = [(rule, dict(_slices(pairs, rule))) for rule in settings.slices]
    compared = sum(
        len(rule.max_drop) for rule, slices in found for mask in slices.values() if mask.sum() >= rule.min_pairs
    )
    # Bonferroni: over all slices and measures together, chance refuses an equal model at a rate of 1 - confidence.
    confidence = 1 - (1 - settings.confidence) / max(compared, 1)
    return [
        _slice_gate(rule, slices, pairs, units, measures, confidence, seed)
        for rule, slices in found
        if slices or rule.value is not None or rule.floors or rule.ceilings
    ]


def _slices(pairs: ScoredPairs, rule: SliceGate) -> Iterator[tuple[str, Mask]]:
    column = pairs.slices[rule.by]
    for value in sorted(set(column.tolist())):
        if value and rule.value in (None, value):
            yield value, column == value


def _slice_gate(
    rule: SliceGate,
    slices: Mapping[str, Mask],
    pairs: ScoredPairs,
    units: Units,
    measures: MeasureSettings,
    confidence: float,
    seed: int,
) -> GateResult:
    name = f"slices by {rule.by}" if rule.value is None else f"slice {rule.by} {rule.value}"
    if not slices:
        return GateResult(name=name, passed=True, reason="no test pair is in it: not evaluated")
    small = [value for value, mask in slices.items() if mask.sum() < rule.min_pairs]
    refused: list[str] = []
    unmeant: dict[str, list[str]] = {}
    few: list[str] = []
    for value, mask in slices.items():
        if value in small:
            continue
        one = _Slice(value, pairs.take(mask), units.take(mask), measures)
        refused += one.limits(rule)
        for metric in one.without_meaning((*rule.floors, *rule.ceilings, *rule.max_drop)):
            unmeant.setdefault(metric, []).append(value)
        if one.baseline and rule.max_drop:
            if one.units.count < _UNITS:
                few.append(value)
            else:
                refused += one.losses(rule.max_drop, confidence, seed)
    notes = [f"{len(slices) - len(small)} of {len(slices)} slices evaluated, none misses its thresholds"]
    if small:
        notes.append(f"{_listed(small)} not, with fewer than {rule.min_pairs} pairs")
    if few:
        notes.append(f"{_listed(few)} not compared with the served model, of fewer than {_UNITS} identities or images")
    notes += [f"{metric} not in {_listed(values)}, of one kind of pairs" for metric, values in unmeant.items()]
    return GateResult(name=name, passed=not refused, reason="; ".join(refused or notes))


class _Slice:
    """The pairs of one slice under both models."""

    def __init__(self, value: str, pairs: ScoredPairs, units: Units, measures: MeasureSettings) -> None:
        self.value, self.units, self._same = value, units, pairs.same
        self._candidate = PairMetrics(pairs.same, pairs.score, pairs.distance, measures)
        self.baseline = None
        if pairs.baseline_score is not None and pairs.baseline_distance is not None:
            self.baseline = PairMetrics(pairs.same, pairs.baseline_score, pairs.baseline_distance, measures)

    def without_meaning(self, names: Iterable[str]) -> list[str]:
        """The metrics that are undefined for pairs of one kind."""
        if self._same.any() and not self._same.all():
            return []
        return [name for name in dict.fromkeys(names) if needs_both_kinds(name)]

    def limits(self, rule: SliceGate) -> Iterator[str]:
        """Metrics below their floor or above their ceiling."""
        limits = [(name, bound, 1) for name, bound in rule.floors.items()]
        limits += [(name, bound, -1) for name, bound in rule.ceilings.items()]
        for name, bound, sign in limits:
            measured = self._once(self._candidate, name)
            if self.without_meaning([name]) or sign * measured >= sign * bound:
                continue
            kind = "below the floor" if sign > 0 else "above the ceiling"
            yield (
                f"{self.value}: {name} {measured:.4f} is {kind} {bound:g}"
                if np.isfinite(measured)
                else f"{self.value}: {name} could not be measured"
            )

    def losses(self, max_drop: Mapping[str, float], confidence: float, seed: int) -> Iterator[str]:
        """Metrics that are significantly worse than the served model's, by more than is allowed."""
        names = [name for name in max_drop if not self.without_meaning([name])]
        if self.baseline is None or not names:
            return
        errors = standard_errors(lambda weights: self._gains(names, weights), self.units, _RESAMPLES, seed)
        for name, gain in self._gains(names, np.ones((1, len(self._same)))).items():
            once, limits = float(gain[0]), (self.units.count, confidence)
            change = Change(
                name,
                self._once(self._candidate, name),
                self._once(self.baseline, name),
                once,
                *bounds(once, errors[name], *limits),
            )
            if problem := slice_loss(change, max_drop[name], self.value):
                yield problem

    def _gains(self, names: Sequence[str], weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        if self.baseline is None:
            return {}
        mine, theirs = (model.measure(names, weights) for model in (self._candidate, self.baseline))
        return {name: (1 if higher_is_better(name) else -1) * (mine[name] - theirs[name]) for name in names}

    def _once(self, model: PairMetrics, name: str) -> float:
        return float(model.measure([name], np.ones((1, len(self._same))))[name][0])


def _listed(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
