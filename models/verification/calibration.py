"""The calibration of distances to scores, fitted on the validation pairs. NumPy only."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.settings.calibration import CalibrationSettings
from models.verification.operating_points import OperatingPoints
from models.verification.rates import Floats

_BEST_ACCURACY = CalibrationSettings()


@dataclass(frozen=True)
class Calibration:
    """score = sigmoid(slope * (threshold - distance)); the verdict is "same" where score > 0.5.

    The score is a probability at the threshold of the best accuracy. A stricter objective moves the threshold, and the
    score of 0.5 with it: the order of the scores stays, and 0.5 means "meets the objective".
    """

    threshold: float
    slope: float
    # Metrics of the threshold on the pairs that it was chosen on, by name.
    reached: dict[str, float] = field(default_factory=dict, compare=False)

    def score(self, distance: Floats) -> Floats:
        """[n] distances -> [n] scores in (0, 1): higher is more alike."""
        return 1 / (1 + np.exp(-np.clip(self.slope * (self.threshold - distance), -500, 500)))


def calibrate(same: NDArray[np.integer], distance: Floats, wanted: CalibrationSettings = _BEST_ACCURACY) -> Calibration:
    """Fits threshold and slope.

    Args:
      same: [n], 1 genuine, 0 impostor; both kinds present.
      distance: [n].
      wanted: the objective of the threshold.

    Raises:
      ValueError: a distance is not finite, one kind is missing, all distances are equal (a collapsed encoder), or no
        threshold meets the target.
    """
    genuine, distance = np.asarray(same).astype(bool), np.asarray(distance, np.float64)
    if not np.isfinite(distance).all():
        raise ValueError("a validation distance is not a finite number: the training has diverged")
    if genuine.all() or not genuine.any():
        raise ValueError("the validation pairs are all of one kind: nothing to calibrate on")
    points = OperatingPoints.of(genuine, distance)
    index = points.best(wanted)
    threshold = float(points.cuts[index])
    return Calibration(threshold, _slope(genuine, threshold - distance), points.figures(index, wanted.prior))


def best_accuracy(same: NDArray[np.bool_], distance: Floats) -> float:
    """The highest accuracy over all thresholds; one half if all distances are equal."""
    accuracy = OperatingPoints.of(np.asarray(same).astype(bool), np.asarray(distance, np.float64)).rates.accuracy
    return float(accuracy.max()) if len(accuracy) else 0.5


def _slope(same: NDArray[np.bool_], towards: Floats) -> float:
    """Maximum likelihood of one slope, with Platt's (1999) targets so that separable pairs keep it finite.

    Never below a small positive number: a model whose impostors are closer than its genuine pairs keeps its polarity,
    and is refused by the gates.
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
