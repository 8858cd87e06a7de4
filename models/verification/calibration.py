"""From distances to scores: every threshold that separates the validation pairs, the best one, and the calibration.

NumPy only. Polarity: pairs closer than the threshold are called the same.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from models.settings.calibration import CalibrationSettings
from models.verification.arrays import Floats
from models.verification.rates import Confusion, ranking

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


@dataclass(frozen=True)
class OperatingPoints:
    """The cuts midway between two different neighbouring distances, the strictest first."""

    cuts: Floats  # [m] thresholds; empty where all distances are equal
    rates: Confusion  # what each of them reaches, [m]; every cut accepts at least one pair

    @classmethod
    def of(cls, same: NDArray[np.bool_], distance: Floats) -> "OperatingPoints":
        """Of pairs: ``same`` [n] is True for a genuine one, ``distance`` [n] finite."""
        order, last = ranking(distance)
        ordered, genuine, last = distance[order], same[order], last[:-1]
        accepted, wrongly = (np.cumsum(kind)[last] for kind in (genuine, ~genuine))
        cuts = (ordered[last] + ordered[last + 1]) / 2
        return cls(cuts, Confusion(accepted, wrongly, int(same.sum()), int((~same).sum())))

    def best(self, wanted: CalibrationSettings) -> int:
        """The index of the best cut for an objective.

        Of equal accuracy (or F1) the middle one. For a target: the highest recall, then the fewest false accepts.

        Raises:
          ValueError: there is no cut, or none meets the target.
        """
        if not len(self.cuts):
            raise ValueError("all validation distances are equal: the encoder has collapsed to one point")
        if wanted.value is None:
            reached = self.rates.f1 if wanted.objective == "best_f1" else self.rates.accuracy
            best = np.flatnonzero(reached == reached.max())
            return int(best[len(best) // 2])
        accepted = np.asarray(self.rates.true_positives)
        useful = np.flatnonzero(accepted)
        if not len(useful):
            raise ValueError("the closest genuine validation pair is as far as the farthest: no threshold accepts one")
        if wanted.objective == "target_precision":
            prior = wanted.prior
            reached = (self.rates.precision if prior is None else self.rates.precision_at(prior))[useful]
            met, closest = reached >= wanted.value, reached.max()
        else:
            reached = self.rates.far[useful]
            met, closest = reached <= wanted.value, reached.min()
        if not met.any():
            raise ValueError(
                f"calibration: {wanted} is out of reach on the validation pairs, the closest threshold reaches "
                f"{closest:.6g}; set calibration.value to that, or train a better model"
            )
        # Of the highest recall the first is the strictest.
        return int(useful[met][np.argmax(accepted[useful[met]])])

    def figures(self, index: int, prior: float | None = None) -> dict[str, float]:
        """The metrics at the cut ``index``, by name, and the numbers of pairs."""
        rates = self.rates
        figures: dict[str, Floats] = {
            name: getattr(rates, name) for name in ("accuracy", "precision", "recall", "f1", "far")
        }
        if prior is not None:
            figures["precision_at_prior"] = rates.precision_at(prior)
        counts = {"genuine_pairs": float(rates.genuine), "impostor_pairs": float(rates.impostors)}
        return {name: float(values[index]) for name, values in figures.items()} | counts


def check_measurable(wanted: CalibrationSettings, same: NDArray[np.integer]) -> None:
    """Refuses a target that is too strict to be measured on these pairs: ``same`` [n], 1 genuine, 0 impostor.

    Raises:
      UserError: a single false accept among the impostors already exceeds the target.
    """
    genuine = int(np.asarray(same).astype(bool).sum())
    impostors = len(same) - genuine
    if wanted.value is None or not genuine or not impostors:
        return
    if wanted.objective == "target_far":
        far, nearest, bound = wanted.value, 1 / impostors, "less"
    else:
        prior = genuine / len(same) if wanted.prior is None else wanted.prior
        # The false accept rate at which the precision is the wanted one, were every genuine pair accepted.
        far = prior / (1 - prior) * (1 - wanted.value) / wanted.value
        nearest, bound = prior / (prior + (1 - prior) / impostors), "more"
    if far * impostors < 1 - 1e-9:
        raise UserError(
            f"calibration.value: {wanted} cannot be measured on {impostors:,} impostor pairs of the validation split: "
            f"one false accept makes it {nearest:.6g}; set no {bound} than that, or give more images or pairs",
            "model-threshold-target",
        )
