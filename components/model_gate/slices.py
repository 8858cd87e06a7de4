"""Limits within slices of the test pairs: floors, ceilings, and losses against the model that serves."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from components.model_gate.bootstrap import Units, replicate
from components.model_gate.judgement import Change, judge_slice
from components.model_gate.resampled import ResampledPairs
from components.model_gate.settings import GateSettings, MeasureSettings, SliceGate, higher_is_better
from components.pair_scores.table import ScoredPairs
from components.verdict.result import GateResult

Mask = NDArray[np.bool_]
_RESAMPLES = 400  # of a slice: for a standard error, not for a quantile


def judge_slices(
    pairs: ScoredPairs, units: Units, settings: GateSettings, measures: MeasureSettings, seed: int
) -> list[GateResult]:
    """One gate a kind of slice that is configured and present."""
    gates = []
    found = [(rule, dict(_slices(pairs, rule))) for rule in settings.slices]
    compared = sum(
        len(rule.max_drop) for rule, slices in found for mask in slices.values() if mask.sum() >= rule.min_pairs
    )
    # Bonferroni: over all slices and measures together, chance refuses an equal model at a rate of 1 - confidence.
    confidence = 1 - (1 - settings.confidence) / max(compared, 1)
    for rule, slices in found:
        if slices:
            gates.append(_judge(rule, slices, pairs, units, measures, confidence, seed))
    return gates


def _slices(pairs: ScoredPairs, rule: SliceGate) -> Iterator[tuple[str, Mask]]:
    column = pairs.slices[rule.by]
    for value in sorted(set(column.tolist())):
        if value and rule.value in (None, value):
            yield value, column == value


def _judge(
    rule: SliceGate,
    slices: Mapping[str, Mask],
    pairs: ScoredPairs,
    units: Units,
    measures: MeasureSettings,
    confidence: float,
    seed: int,
) -> GateResult:
    refused: list[str] = []
    small = [value for value, mask in slices.items() if mask.sum() < rule.min_pairs]
    for value, mask in slices.items():
        if value not in small:
            refused += _faults(rule, value, pairs.take(mask), units.take(mask), measures, confidence, seed)
    judged = len(slices) - len(small)
    what = f"{judged} of {len(slices)} slices judged"
    unjudged = f", {_listed(small)} with fewer than {rule.min_pairs} pairs not" if small else ""
    reason = "; ".join(refused) or f"{what}{unjudged}: none is below its limits"
    name = f"slices by {rule.by}" if rule.value is None else f"slice {rule.by} {rule.value}"
    return GateResult(name=name, passed=not refused, reason=reason)


def _faults(
    rule: SliceGate,
    value: str,
    pairs: ScoredPairs,
    units: Units,
    measures: MeasureSettings,
    confidence: float,
    seed: int,
) -> Iterator[str]:
    once = np.ones((1, len(pairs.same)))
    candidate = ResampledPairs(pairs.same, pairs.score, pairs.distance, measures)
    limits = [(name, bound, 1) for name, bound in rule.floors.items()]
    limits += [(name, bound, -1) for name, bound in rule.ceilings.items()]
    for name, bound, sign in limits:
        measured = float(candidate.measure([name], once)[name][0])
        if not sign * measured >= sign * bound:  # a measure without a meaning in this slice is below too
            kind = "below the floor" if sign > 0 else "above the ceiling"
            yield f"{value}: {name} {measured:.4f} is {kind} {bound:g}"
    if pairs.baseline_score is not None and pairs.baseline_distance is not None and rule.max_drop:
        baseline = ResampledPairs(pairs.same, pairs.baseline_score, pairs.baseline_distance, measures)
        for name, allowed in rule.max_drop.items():
            change = _change(name, candidate, baseline, units, confidence, seed)
            if fault := judge_slice(change, allowed, value):
                yield fault


def _change(
    name: str, candidate: ResampledPairs, baseline: ResampledPairs, units: Units, confidence: float, seed: int
) -> Change:
    sign = 1 if higher_is_better(name) else -1

    def gain(weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        return {name: sign * (candidate.measure([name], weights)[name] - baseline.measure([name], weights)[name])}

    once = np.ones((1, len(units.a)))
    drawn = replicate(gain, units, _RESAMPLES, seed)[name]
    measured, error = float(gain(once)[name][0]), float(np.nanstd(drawn))
    # Far out in the tail a quantile would need many resamples; a standard error does not.
    reach = error * float(stats.t.ppf(confidence, max(units.count - 1, 1)))
    mine, theirs = (float(model.measure([name], once)[name][0]) for model in (candidate, baseline))
    return Change(name, mine, theirs, gain=measured, low=measured - reach, high=measured + reach)


def _listed(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
