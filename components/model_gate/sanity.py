"""Sanity gates: finite scores, polarity, collapse. They need no baseline and no configuration."""

import numpy as np
from numpy.typing import NDArray

from components.run_outcome.verdict import GateResult
from models.verification.metrics import metric_value
from models.verification.rates import Floats

# Distances of a collapsed encoder differ by rounding alone; those of the weakest trained one by much more.
_SPREAD = 1e-3


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
