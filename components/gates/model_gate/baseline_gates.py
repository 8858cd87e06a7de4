"""Gate decisions: is the candidate worse or more expensive than the served model, no better than raw pixels? Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from components.image_example_gen.settings import SplitSettings
from components.image_example_gen.splits import split_of
from components.run_outcome.verdict import GateResult
from models.data.features import TEST

_EASY = 0.99  # AUC of raw pixels from which a model need only be as good
_ROUNDING = 1e-9  # a loss of exactly what is allowed is allowed, though 0.885 - 0.835 > 0.05 in floating point


@dataclass(frozen=True)
class Change:
    """One metric of both models on the same pairs.

    Attributes:
      name: of the metric.
      candidate: its value.
      baseline: its value under the model that serves.
      gain: how much better the candidate is: positive is better, also for metrics that are better when lower.
      low: lower bound of the gain, one-sided.
      high: upper bound of the gain, one-sided.
    """

    name: str
    candidate: float
    baseline: float
    gain: float
    low: float
    high: float

    @property
    def figures(self) -> str:
        """For display."""
        return f"{self.name} {self.candidate:.4f} against {self.baseline:.4f} of the served model"


@dataclass(frozen=True)
class Test:
    """The parameters of a test of a change.

    Attributes:
      confidence: of the bounds, one-sided.
      units: identities (or images) in the test split.
      drawn: what they are, in the plural.
      min_units: with fewer the bounds are meaningless.
      unresolved: what to do if the bounds cannot resolve the change.
    """

    confidence: float
    units: int
    drawn: str
    min_units: int
    unresolved: Literal["point", "refuse"]


def change_gate(change: Change, allowed: float, test: Test) -> GateResult:
    """Refuses where the lower bound of the gain is below ``-allowed``.

    A candidate whose true loss is ``allowed`` passes at a rate of 1 - confidence, a worse one at a lower rate. If the
    bound is further from the measured gain than ``allowed``, even an equal model would usually be refused: the test
    cannot resolve the loss, and ``test.unresolved`` decides.
    """
    name = f"baseline {change.name}"
    if not math.isfinite(change.candidate):
        return GateResult(name=name, passed=False, reason=f"{change.name} could not be measured")
    if not math.isfinite(change.baseline):
        return GateResult(name=name, passed=True, reason=f"the served model's {change.name} could not be measured")
    figures = f"{change.figures}, {_signed(change.gain)}"
    percent = f"{test.confidence:.0%}"
    same = change.gain == change.low == change.high == 0
    enough = test.units >= test.min_units
    bounded = enough and math.isfinite(change.low)
    if same or (bounded and change.low >= -allowed):
        at_worst = "" if same else f" (at worst {_signed(change.low)} at {percent} confidence)"
        return GateResult(name=name, passed=True, reason=f"{figures}{at_worst}; a loss of {allowed:g} is allowed")
    if bounded and change.gain - change.low <= allowed:
        reason = f"{figures}, and may be {_signed(change.low)} ({percent} confidence); a loss of {allowed:g} is allowed"
        return GateResult(name=name, passed=False, reason=reason)
    if bounded:
        why = f"the bound at {percent} confidence is {change.gain - change.low:.4f} away"
    else:
        why = f"at least {test.min_units} are needed" if not enough else "it is undefined in too many bootstrap samples"
    unsure = f"{test.units:,} test {test.drawn} cannot resolve a loss of {allowed:g} ({why})"
    if test.unresolved == "refuse":
        return GateResult(name=name, passed=False, reason=f"{figures}; {unsure}: refused, as configured")
    passed = change.gain >= -allowed - _ROUNDING
    verdict = "within what is allowed" if passed else "a greater loss than is allowed"
    return GateResult(
        name=name, passed=passed, reason=f"{figures}; {unsure}, so the measured change decides: {verdict}"
    )


def pixels_gate(change: Change, test: Test) -> GateResult:
    """Refuses a candidate that is no better than the distance of raw pixels, as an untrained network is.

    ``change`` is the gain in AUC over the pixels. If the pixels separate nearly all pairs, one that is not worse
    passes. With too few identities for a bound the measured gain decides.
    """
    figures = f"AUC {change.candidate:.4f} against {change.baseline:.4f} of the raw pixels' distance"
    if test.units < test.min_units or not math.isfinite(change.low):
        passed = change.gain > 0 or change.baseline >= _EASY
        verdict = "better" if change.gain > 0 else "not better"
        reason = f"{figures}: {verdict}, by the measured AUC of {test.units:,} test {test.drawn}"
    elif change.low <= 0 and change.baseline >= _EASY:
        passed = change.high >= 0
        reason = f"{figures}: {'they leave nothing to gain' if passed else 'worse'} (at best {_signed(change.high)})"
    else:
        passed = change.low > 0
        verdict = "better" if passed else "not significantly better (gates.beats_pixels)"
        reason = f"{figures}: {verdict} (at worst {_signed(change.low)})"
    return GateResult(name="pixels", passed=passed, reason=reason)


def slice_loss(change: Change, allowed: float, where: str) -> str | None:
    """Why a slice is refused, or None: its loss is greater than ``allowed`` and more than chance.

    ``change.high`` must be a bound that holds over all slices that are tested together. Unlike the entire split, a
    slice is refused only if it lost significantly: among many slices one always fails to prove that it did not.
    """
    if change.gain < -allowed - _ROUNDING and change.high < 0:
        return f"{where}: {change.figures}: {-change.gain:.4f} lost, more than {allowed:g} and more than by chance"
    return None


def cost_gate(name: str, unit: str, candidate: float, baseline: float, most: float) -> GateResult:
    """Refuses a candidate that takes more than ``most`` times what the served model takes."""
    ratio = candidate / baseline
    reason = f"{candidate:,.2f} {unit} against {baseline:,.2f} of the served model: {ratio:.2f} times, {most:g} allowed"
    return GateResult(name=name, passed=ratio <= most, reason=reason)


def leakage_gate(
    baseline: Mapping[str, object], own: Mapping[str, object], identities: Iterable[str]
) -> GateResult | None:
    """Identity leakage: counts test identities that the served model's own split put into its training or validation.

    Never a refusal: leakage favours the served model. None if there is no leakage, or nothing is known of it.

    Args:
      baseline: the split rule and seed of the served model; empty if unknown.
      own: the rule and seed of this run.
      identities: of the test pairs.
    """
    if not baseline or baseline == own:
        return None
    rule = {key: value for key, value in baseline.items() if key != "seed"}
    try:
        settings, seed = SplitSettings.model_validate(rule), int(str(baseline["seed"]))
    except (ValidationError, KeyError, ValueError):
        return None
    if settings.by == "identity":
        tested = set(identities)
        seen = sum(split_of(seed, identity, settings) != TEST for identity in tested)
        if not seen:
            return None
        reason = f"{seen:,} of {len(tested):,} test identities fall into the served model's own training or validation"
    else:
        reason = "the served model was trained on another split: it may have seen some of the test images"
    return GateResult(name="overlap", passed=True, reason=f"{reason}, which favours it")


def _signed(value: float) -> str:
    return f"{value:+.4f}"
