"""What the charts draw and their tables tell, as numbers. NumPy only."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.pair_scores.table import ScoredPairs
from models.verification.calibration import Floats

_MOST_POINTS = 2000  # of a curve: more than a screen has pixels


def rates(same: NDArray[np.bool_], distance: Floats) -> tuple[Floats, Floats]:
    """(FAR, TAR) at every distance at which either changes, the strictest first, thinned out to what a screen shows."""
    order = np.argsort(distance, kind="stable")
    last = np.append(np.diff(distance[order]) != 0, True)
    tar = np.cumsum(same[order])[last] / max(same.sum(), 1)
    far = np.cumsum(~same[order])[last] / max((~same).sum(), 1)
    kept = np.unique(np.linspace(0, len(far) - 1, min(_MOST_POINTS, len(far))).astype(int))
    return far[kept], tar[kept]


def at_threshold(same: NDArray[np.bool_], score: Floats) -> tuple[float, float]:
    """(FAR, TAR) of the verdicts that serve."""
    called = score > 0.5
    return float(called[~same].mean()), float(called[same].mean())


class AtThresholds(NamedTuple):
    """Shares at thresholds on the score, [n] each; the precision is NaN where nothing is called the same."""

    precision: Floats
    recall: Floats
    far: Floats


def at_thresholds(scores: ScoredPairs, thresholds: Floats) -> AtThresholds:
    """What the verdicts would be at other thresholds, [n]: the same above it."""
    genuine, impostor = (np.sort(scores.score[chosen]) for chosen in (scores.same, ~scores.same))
    accepted = len(genuine) - np.searchsorted(genuine, thresholds, side="right")
    wrongly = len(impostor) - np.searchsorted(impostor, thresholds, side="right")
    with np.errstate(invalid="ignore"):
        precision = accepted / (accepted + wrongly)
    return AtThresholds(precision, accepted / max(len(genuine), 1), wrongly / max(len(impostor), 1))


def score_shares(same: NDArray[np.bool_], score: Floats, bins: int) -> tuple[Floats, Floats]:
    """Share of the genuine and of the impostor pairs whose score lies in each of ``bins`` of equal width, [bins]."""
    genuine, impostor = (
        np.histogram(score[chosen], bins, (0, 1))[0] / max(chosen.sum(), 1) for chosen in (same, ~same)
    )
    return genuine, impostor


class ScoreBin(NamedTuple):
    """Pairs of like scores."""

    score: float  # their mean
    genuine: float  # the share of them that is
    pairs: int


def reliability(scores: ScoredPairs, bins: int = 10) -> list[ScoreBin]:
    """How often pairs of like scores are genuine; bins of equal width, without empty ones."""
    place = np.clip(np.digitize(scores.score, np.linspace(0, 1, bins + 1)) - 1, 0, bins - 1)
    held = [np.flatnonzero(place == one) for one in range(bins)]
    return [
        ScoreBin(float(scores.score[rows].mean()), float(scores.same[rows].mean()), len(rows))
        for rows in held
        if len(rows)
    ]
