"""Is the candidate worse than the model that serves? Pure decisions on figures that are already measured."""

import math
from dataclasses import dataclass
from typing import Literal

from components.run_outcome.verdict import GateResult

_EASY = 0.99  # AUC from which comparing pixels is good enough a way to tell these images apart
_ROUNDING = 1e-9  # a loss of just what is allowed is allowed, though 0.885 - 0.835 > 0.05 in a computer


@dataclass(frozen=True)
class Change:
    """One measure of both models on the same pairs.

    Attributes:
      name: of the measure.
      candidate: its value.
      baseline: its value under the model that serves.
      gain: how much better the candidate is: positive is better, also for measures of which less is better.
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
        """As a person reads it."""
        return f"{self.name} {self.candidate:.4f} against {self.baseline:.4f} of the served model"


@dataclass(frozen=True)
class Test:
    """What a change is judged by.

    Attributes:
      confidence: of the bounds, one-sided.
      units: identities (or images) in the test split.
      drawn: what they are, in the plural.
      min_units: with fewer the bounds mean nothing.
      unresolved: what is done where the bounds cannot tell.
    """

    confidence: float
    units: int
    drawn: str
    min_units: int
    unresolved: Literal["point", "refuse"]


def judge_change(change: Change, allowed: float, test: Test) -> GateResult:
    """Refuses where the lower bound of the gain is below ``-allowed``.

    A candidate whose true loss is ``allowed`` is then blessed at a rate of 1 - confidence, one that is worse by more
    at a lower rate. Where the bound lies further from the measured gain than ``allowed``, even an equal model would
    mostly be refused: the test cannot resolve the loss, and the gate says so and does what ``test.unresolved`` says.
    """
    name = f"baseline {change.name}"
    if not math.isfinite(change.candidate):
        return GateResult(name=name, passed=False, reason=f"{change.name} could not be measured")
    if not math.isfinite(change.baseline):
        return GateResult(name=name, passed=True, reason=f"the served model's {change.name} could not be measured")
    told = f"{change.figures}, {_signed(change.gain)}"
    percent = f"{test.confidence:.0%}"
    same = change.gain == change.low == change.high == 0
    enough = test.units >= test.min_units
    bounded = enough and math.isfinite(change.low)
    if same or (bounded and change.low >= -allowed):
        at_worst = "" if same else f" (at worst {_signed(change.low)} at {percent} confidence)"
        return GateResult(name=name, passed=True, reason=f"{told}{at_worst}; a loss of {allowed:g} is allowed")
    if bounded and change.gain - change.low <= allowed:
        reason = f"{told}, and may be {_signed(change.low)} ({percent} confidence); a loss of {allowed:g} is allowed"
        return GateResult(name=name, passed=False, reason=reason)
    if bounded:
        why = f"the bound at {percent} confidence is {change.gain - change.low:.4f} away"
    else:
        why = f"at least {test.min_units} are needed" if not enough else "it has no meaning in too many resamples"
    unsure = f"{test.units:,} test {test.drawn} cannot resolve a loss of {allowed:g} ({why})"
    if test.unresolved == "refuse":
        return GateResult(name=name, passed=False, reason=f"{told}; {unsure}: refused, as configured")
    passed = change.gain >= -allowed - _ROUNDING
    verdict = "within what is allowed" if passed else "a greater loss than is allowed"
    return GateResult(name=name, passed=passed, reason=f"{told}; {unsure}, so the measured change decides: {verdict}")


def judge_pixels(change: Change, test: Test) -> GateResult:
    """Refuses a candidate that is no better than the distance of raw pixels, as an untrained network is.

    ``change`` is the gain in AUC over the pixels. Where they tell nearly all pairs apart there is nothing to gain, and
    not to be worse is enough. With too few identities for a bound the measured gain decides.
    """
    told = f"AUC {change.candidate:.4f} against {change.baseline:.4f} of the raw pixels' distance"
    if test.units < test.min_units or not math.isfinite(change.low):
        passed = change.gain > 0 or change.baseline >= _EASY
        verdict = "better" if change.gain > 0 else "not better"
        reason = f"{told}: {verdict}, as far as {test.units:,} test {test.drawn} can tell"
    elif change.low <= 0 and change.baseline >= _EASY:
        passed = change.high >= 0
        reason = f"{told}: {'they leave nothing to gain' if passed else 'worse'} (at best {_signed(change.high)})"
    else:
        passed = change.low > 0
        verdict = "better" if passed else "not surely better, as gates.beats_pixels wants"
        reason = f"{told}: {verdict} (at worst {_signed(change.low)})"
    return GateResult(name="pixels", passed=passed, reason=reason)


def judge_slice(change: Change, allowed: float, where: str) -> str | None:
    """Why a slice is refused, or None: its loss is greater than ``allowed`` and more than chance.

    ``change.high`` must be a bound that holds over all slices that are judged together. Unlike the whole split, a
    slice must show that it lost: among many slices one always falls short of proving that it did not.
    """
    if change.gain < -allowed - _ROUNDING and change.high < 0:
        return f"{where}: {change.figures}: {-change.gain:.4f} lost, more than {allowed:g} and more than by chance"
    return None


def _signed(value: float) -> str:
    return f"{value:+.4f}"
