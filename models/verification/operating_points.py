"""Every threshold that separates a set of pairs, the rates at each, and the best one for an objective.

NumPy only. Polarity: pairs closer than the threshold are called the same.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from models.settings.calibration import CalibrationSettings
from models.verification.rates import Confusion, Floats, ranking


@dataclass(frozen=True)
class OperatingPoints:
    """The cuts midway between two different neighbouring distances, the strictest first.

    Attributes:
      cuts: [m] thresholds; empty where all distances are equal.
      rates: what each of them reaches, [m]; every cut accepts at least one pair.
    """

    cuts: Floats
    rates: Confusion

    @classmethod
    def of(cls, same: NDArray[np.bool_], distance: Floats) -> "OperatingPoints":
        """Of pairs: ``same`` [n] is True for a genuine one, ``distance`` [n] finite."""
        order, last = ranking(distance)
        ordered, genuine, last = distance[order], same[order], last[:-1]
        accepted, wrongly = (np.cumsum(kind)[last] for kind in (genuine, ~genuine))
        cuts = (ordered[last] + ordered[last + 1]) / 2
        return cls(cuts, Confusion(accepted, wrongly, int(same.sum()), int((~same).sum())))

    def _precision(self, prior: float | None) -> Floats:
        """[m] precision at a share of genuine pairs; none: that of these pairs."""
        return self.rates.precision if prior is None else self.rates.precision_at(prior)

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
            reached = self._precision(wanted.prior)[useful]
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
        found = self.rates
        figures: dict[str, Floats] = {
            name: getattr(found, name) for name in ("accuracy", "precision", "recall", "f1", "far")
        }
        if prior is not None:
            figures["precision_at_prior"] = found.precision_at(prior)
        counts = {"genuine_pairs": float(found.genuine), "impostor_pairs": float(found.impostors)}
        return {name: float(values[index]) for name, values in figures.items()} | counts


def check_measurable(wanted: CalibrationSettings, same: NDArray[np.integer]) -> None:
    """Refuses a target that is too strict to be measured on these pairs.

    Args:
      wanted: the objective.
      same: [n], 1 genuine, 0 impostor.

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
