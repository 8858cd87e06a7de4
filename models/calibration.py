"""From a distance to a score and a verdict, fitted on the validation pairs. NumPy only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """score = sigmoid(slope * (threshold - distance)); the verdict is "same" where score > 0.5."""

    threshold: float
    slope: float

    def score(self, distance: Floats) -> Floats:
        """[n] distances -> [n] scores in (0, 1): higher is more alike."""
        return 1 / (1 + np.exp(-np.clip(self.slope * (self.threshold - distance), -500, 500)))


def calibrate(same: NDArray[np.integer], distance: Floats) -> Calibration:
    """Fits threshold and slope.

    Args:
      same: [n], 1 genuine, 0 impostor; both kinds present.
      distance: [n].

    Raises:
      ValueError: a distance is not finite, one kind is missing, or all distances are equal (a collapsed encoder).
    """
    genuine, distance = np.asarray(same).astype(bool), np.asarray(distance, np.float64)
    if not np.isfinite(distance).all():
        raise ValueError("a validation distance is not a finite number: the training has diverged")
    if genuine.all() or not genuine.any():
        raise ValueError("the validation pairs are all of one kind: nothing to calibrate on")
    threshold = best_threshold(genuine, distance)
    return Calibration(threshold, _slope(genuine, threshold - distance))


def best_threshold(same: NDArray[np.bool_], distance: Floats) -> float:
    """The threshold of the highest accuracy, midway between two observed distances; of equals the middle one.

    Raises:
      ValueError: all distances are equal.
    """
    cuts, right = _accuracies(same, distance)
    if not len(cuts):
        raise ValueError("all validation distances are equal: the encoder has collapsed to one point")
    best = np.flatnonzero(right == right.max())
    return float(cuts[best[len(best) // 2]])


def best_accuracy(same: NDArray[np.bool_], distance: Floats) -> float:
    """The accuracy at ``best_threshold``; one half where all distances are equal."""
    _, right = _accuracies(same, distance)
    return float(right.max() / len(same)) if len(right) else 0.5


def _accuracies(same: NDArray[np.bool_], distance: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Every cut between two different neighbours, and how many pairs it tells right."""
    order = np.argsort(distance, kind="stable")
    ordered, genuine = distance[order], same[order]
    cuts = (ordered[:-1] + ordered[1:]) / 2
    genuine_below = np.cumsum(genuine)[:-1]
    impostors_above = (~genuine).sum() - np.cumsum(~genuine)[:-1]
    different = ordered[1:] > ordered[:-1]
    return cuts[different], (genuine_below + impostors_above)[different]


def _slope(same: NDArray[np.bool_], towards: Floats) -> float:
    """Maximum likelihood of one slope, with Platt's (1999) targets so that separable pairs keep it finite.

    Never below a small positive number: a model whose impostors are closer than its genuine pairs keeps its polarity
    (and is refused by the gates) rather than being turned round.
    """
    positives, negatives = same.sum(), (~same).sum()
    target = np.where(same, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    scale = max(float(np.abs(towards).mean()), 1e-12)
    x = towards / scale
    slope = 1.0
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(slope * x, -500, 500)))
        gradient, curvature = ((p - target) * x).sum(), (p * (1 - p) * x * x).sum() + 1e-9
        step = float(np.clip(gradient / curvature, -2.0, 2.0))
        slope -= step
        if abs(step) < 1e-10:
            break
    return max(slope, 1e-3) / scale


def auc(same: NDArray[np.bool_], distance: Floats) -> float:
    """Area under the ROC curve: the chance that a genuine pair is closer than an impostor pair (ties count half)."""
    same = np.asarray(same).astype(bool)
    _, inverse, counts = np.unique(distance, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives, negatives = same.sum(), (~same).sum()
    wins = ranks[~same].sum() - negatives * (negatives + 1) / 2
    return float(wins / (positives * negatives))
