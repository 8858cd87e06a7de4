"""Accepted pairs and the rates computed from them: the arithmetic under metrics, operating points and charts.

NumPy only. "Accepted" means: called the same. Every rate of nothing (no pair of a kind, nothing accepted) is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from models.lazy_modules import np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from models.verification.arrays import Bools, Floats


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix of verdicts: one for each threshold or weighting, as arrays that broadcast."""

    true_positives: NDArray[Any]  # genuine pairs accepted
    false_positives: NDArray[Any]  # impostor pairs accepted
    genuine: NDArray[Any] | int  # in all
    impostors: NDArray[Any] | int

    @property
    def false_negatives(self) -> Floats:
        """Genuine pairs rejected."""
        return np.asarray(self.genuine - self.true_positives, np.float64)

    @property
    def true_negatives(self) -> Floats:
        """Impostor pairs rejected."""
        return np.asarray(self.impostors - self.false_positives, np.float64)

    @property
    def accuracy(self) -> Floats:
        """Share of all pairs that are classified correctly."""
        return _ratio(self.true_positives + self.true_negatives, self.genuine + self.impostors)

    @property
    def precision(self) -> Floats:
        """Share of genuine pairs among those accepted."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> Floats:
        """Share of the genuine pairs accepted (TAR)."""
        return _ratio(self.true_positives, self.genuine)

    @property
    def far(self) -> Floats:
        """Share of the impostor pairs accepted."""
        return _ratio(self.false_positives, self.impostors)

    @property
    def f1(self) -> Floats:
        """Harmonic mean of precision and recall."""
        return _ratio(2 * self.true_positives, self.true_positives + self.false_positives + self.genuine)

    def precision_at(self, prior: float) -> Floats:
        """Precision where ``prior`` of the pairs are genuine: prior TPR / (prior TPR + (1 - prior) FPR)."""
        genuine = prior * self.recall
        return _ratio(genuine, genuine + (1 - prior) * self.far)


@dataclass(frozen=True)
class RocCurve:
    """Weight accepted at each threshold, from the strictest, which accepts nothing, to the one that accepts all."""

    genuine: Floats  # [k, m], under each of k weightings
    impostors: Floats

    @classmethod
    def of(cls, same: Bools, distance: Floats, weights: Floats | None = None) -> RocCurve:
        """Of pairs: ``same`` [n], ``distance`` [n] finite, n > 0; ``weights`` [k, n], default: each counts once."""
        order, last = ranking(distance)
        return cls.ranked(same, order, last, np.ones((1, len(same))) if weights is None else weights)

    @classmethod
    def ranked(cls, same: Bools, order: NDArray[np.int64], last: NDArray[np.int64], weights: Floats) -> RocCurve:
        """Of pairs whose ``ranking`` is known."""
        ordered, genuine = weights[:, order], same[order]
        sides = (np.cumsum(ordered * side, axis=1)[:, last] for side in (genuine, ~genuine))
        accepted, wrongly = (np.pad(side, ((0, 0), (1, 0))) for side in sides)
        return cls(accepted, wrongly)

    @cached_property
    def tar(self) -> Floats:
        """[k, m] share of the genuine weight accepted."""
        return _ratio(self.genuine, self.genuine[:, -1:])

    @cached_property
    def far(self) -> Floats:
        """[k, m] share of the impostor weight accepted."""
        return _ratio(self.impostors, self.impostors[:, -1:])

    @property
    def auc(self) -> Floats:
        """[k] area under the curve: the chance that a genuine pair is closer than an impostor; ties count half."""
        wins = np.diff(self.impostors, axis=1) * (self.genuine[:, 1:] + self.genuine[:, :-1]) / 2
        return _ratio(wins.sum(axis=1), self.genuine[:, -1] * self.impostors[:, -1])

    @property
    def average_precision(self) -> Floats:
        """[k] mean precision over the thresholds, each weighted by the recall that it adds (no interpolation)."""
        # Where nothing is accepted there is no precision, and no recall is added.
        precision = np.nan_to_num(_ratio(self.genuine, self.genuine + self.impostors))
        return (np.diff(self.tar, axis=1) * precision[:, 1:]).sum(axis=1) + self._undefined

    @property
    def equal_error_rate(self) -> Floats:
        """[k] where FAR and FRR are equal, linear between the two thresholds around it."""
        gap = self.far - (1 - self.tar)
        after = np.argmax(gap >= 0, axis=1)
        before, rows = np.maximum(after - 1, 0), np.arange(len(gap))
        span = gap[rows, after] - gap[rows, before]
        share = np.where(span > 0, -gap[rows, before] / np.where(span > 0, span, 1.0), 0.0)
        return self.far[rows, before] + share * (self.far[rows, after] - self.far[rows, before]) + self._undefined

    def tar_at(self, far: float) -> Floats:
        """[k] the highest TAR at a threshold that accepts at most ``far`` of the impostors."""
        return np.where(self.far <= far, self.tar, 0.0).max(axis=1) + self._undefined

    @property
    def _undefined(self) -> Floats:
        """[k] NaN where one kind of pair has no weight, else 0."""
        return np.asarray(0.0 * (self.tar[:, -1] + self.far[:, -1]))


def ranking(distance: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(order of the pairs from the closest, the last position of each run of equal distances)."""
    order = np.argsort(distance, kind="stable")
    ordered = np.asarray(distance)[order]
    return order.astype(np.int64), np.flatnonzero(np.append(ordered[1:] > ordered[:-1], True))


def _ratio(part: ArrayLike, whole: ArrayLike) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.true_divide(part, whole))
