"""Every threshold that a set of pairs can tell apart, what each would reach, and the one an objective asks for.

NumPy only. Polarity: pairs closer than the threshold are called the same.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from models.settings.calibration import CalibrationSettings

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OperatingPoints:
    """The cuts midway between two different neighbouring distances, the strictest first.

    Attributes:
      cuts: [m] thresholds; empty where all distances are equal.
      accepted: [m] genuine pairs that each calls the same.
      wrongly: [m] impostor pairs that each calls the same.
      genuine: genuine pairs in all.
      impostors: impostor pairs in all.
    """

    cuts: _Floats
    accepted: NDArray[np.int64]
    wrongly: NDArray[np.int64]
    genuine: int
    impostors: int

    @classmethod
    def of(cls, same: NDArray[np.bool_], distance: _Floats) -> "OperatingPoints":
        """Of pairs: ``same`` [n] is True for a genuine one, ``distance`` [n] finite."""
        order = np.argsort(distance, kind="stable")
        ordered, genuine = distance[order], same[order]
        different = ordered[1:] > ordered[:-1]
        cuts = ((ordered[:-1] + ordered[1:]) / 2)[different]
        accepted, wrongly = (np.cumsum(kind)[:-1][different] for kind in (genuine, ~genuine))
        return cls(cuts, accepted, wrongly, int(same.sum()), int((~same).sum()))

    @property
    def accuracy(self) -> _Floats:
        """[m] share of all pairs that each cut tells right."""
        return (self.accepted + self.impostors - self.wrongly) / (self.genuine + self.impostors)

    @property
    def recall(self) -> _Floats:
        """[m] share of the genuine pairs called the same."""
        return self.accepted / self.genuine

    @property
    def far(self) -> _Floats:
        """[m] share of the impostor pairs called the same."""
        return self.wrongly / self.impostors

    @property
    def f1(self) -> _Floats:
        """[m] harmonic mean of precision and recall."""
        return 2 * self.accepted / (self.accepted + self.wrongly + self.genuine)

    def precision(self, prior: float | None = None) -> _Floats:
        """[m] share of genuine among the pairs called the same, where ``prior`` of all are genuine.

        prior TPR / (prior TPR + (1 - prior) FPR); none: as many as here. Every cut calls some pair the same.
        """
        if prior is None:
            return self.accepted / (self.accepted + self.wrongly)
        return prior * self.recall / (prior * self.recall + (1 - prior) * self.far)

    def best(self, wanted: CalibrationSettings) -> int:
        """The index of the cut that the objective asks for.

        Of equally accurate ones (or of equal F1) the middle one. A target is met with the highest recall, of equals
        with the fewest false accepts.

        Raises:
          ValueError: there is no cut, or none meets the target.
        """
        if not len(self.cuts):
            raise ValueError("all validation distances are equal: the encoder has collapsed to one point")
        if wanted.value is None:
            reached = self.f1 if wanted.objective == "best_f1" else self.accuracy
            best = np.flatnonzero(reached == reached.max())
            return int(best[len(best) // 2])
        useful = np.flatnonzero(self.accepted)
        if not len(useful):
            raise ValueError("the closest genuine validation pair is as far as the farthest: no threshold accepts one")
        if wanted.objective == "target_precision":
            reached = self.precision(wanted.prior)[useful]
            met, closest = reached >= wanted.value, reached.max()
        else:
            reached = self.far[useful]
            met, closest = reached <= wanted.value, reached.min()
        if not met.any():
            raise ValueError(
                f"calibration: {wanted} is out of reach on the validation pairs, no threshold comes closer than "
                f"{closest:.6g}; ask for that in calibration.value, or train a better model"
            )
        # The first of the highest recall is the strictest of them.
        return int(useful[met][np.argmax(self.accepted[useful[met]])])

    def figures(self, index: int, prior: float | None = None) -> dict[str, float]:
        """What the cut at ``index`` reaches, by name, and on how many pairs."""
        figures = {"accuracy": self.accuracy, "precision": self.precision(), "recall": self.recall, "f1": self.f1}
        figures["far"] = self.far
        if prior is not None:
            figures["precision_at_prior"] = self.precision(prior)
        counts = {"genuine_pairs": self.genuine, "impostor_pairs": self.impostors}
        return {name: float(values[index]) for name, values in figures.items()} | counts


def check_measurable(wanted: CalibrationSettings, same: NDArray[np.integer]) -> None:
    """Refuses a target so strict that the pairs could not show it even for the best of models.

    Args:
      wanted: the objective.
      same: [n], 1 genuine, 0 impostor.

    Raises:
      UserError: one false accept among the impostors is already more than the target allows.
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
            f"one false accept makes it {nearest:.6g}; ask for no {bound} than that, or give more images or pairs"
        )
