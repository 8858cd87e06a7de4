"""The numbers of the charts and of their tables. NumPy only."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.pair_scores.table import ScoredPairs
from models.verification.arrays import Floats
from models.verification.rates import Confusion, RocCurve

_MOST_POINTS = 2000  # of a curve; a screen has fewer pixels


def rates(same: NDArray[np.bool_], distance: Floats) -> tuple[Floats, Floats]:
    """(FAR, TAR) of the ROC curve, the strictest threshold first, thinned out to what a screen shows."""
    curve = RocCurve.of(same, distance)
    far, tar = curve.far[0, 1:], curve.tar[0, 1:]
    kept = np.unique(np.linspace(0, len(far) - 1, min(_MOST_POINTS, len(far))).astype(int))
    return far[kept], tar[kept]


def at_threshold(same: NDArray[np.bool_], score: Floats) -> tuple[float, float]:
    """(FAR, TAR) at the operating threshold, a score of 0.5."""
    found = at_thresholds(same, score, np.array([0.5]))
    return float(found.far[0]), float(found.recall[0])


def at_thresholds(same: NDArray[np.bool_], score: Floats, thresholds: Floats) -> Confusion:
    """The confusion matrix at each of ``thresholds`` [n] on the score; a pair is the same above it."""
    genuine, impostor = (np.sort(score[chosen]) for chosen in (same, ~same))
    accepted, wrongly = (len(kind) - np.searchsorted(kind, thresholds, side="right") for kind in (genuine, impostor))
    return Confusion(accepted, wrongly, len(genuine), len(impostor))


def score_shares(same: NDArray[np.bool_], score: Floats, bins: int) -> tuple[Floats, Floats]:
    """Share of the genuine and of the impostor pairs whose score lies in each of ``bins`` of equal width, [bins]."""
    genuine, impostor = (
        np.histogram(score[chosen], bins, (0, 1))[0] / max(chosen.sum(), 1) for chosen in (same, ~same)
    )
    return genuine, impostor


class ScoreBin(NamedTuple):
    """Pairs with similar scores."""

    score: float  # mean
    genuine: float  # share
    pairs: int


def reliability(scores: ScoredPairs, bins: int = 10) -> list[ScoreBin]:
    """The share of genuine pairs by score, in bins of equal width, without empty ones."""
    which = np.clip(np.digitize(scores.score, np.linspace(0, 1, bins + 1)) - 1, 0, bins - 1)
    members = [np.flatnonzero(which == one) for one in range(bins)]
    return [
        ScoreBin(float(scores.score[rows].mean()), float(scores.same[rows].mean()), len(rows))
        for rows in members
        if len(rows)
    ]
