"""The metrics of scored pairs under many weightings at once: what a bootstrap needs. NumPy only.

The same definitions as in ``models.verification.metrics``, to which a test compares them: a weight counts a pair so
many times.
"""

from collections.abc import Iterable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from components.model_gate.settings import MeasureSettings
from models.verification.calibration import Floats
from models.verification.metrics import CALIBRATION_BINS

Weights = NDArray[np.float64]  # [resamples, pairs]

_OF_SCORES = ("accuracy", "precision", "recall", "f1", "precision_at_prior", "calibration_error")


class ResampledPairs:
    """Scored pairs of one model.

    Args:
      same: [n], True genuine.
      score: [n], "the same" above 0.5; what the measures at the operating threshold are made of.
      distance: [n], small is alike; what the ranking measures are made of, since scores saturate.
      settings: the false accept rates and the prior.
    """

    def __init__(self, same: NDArray[np.bool_], score: Floats, distance: Floats, settings: MeasureSettings) -> None:
        self._same, self._settings = same, settings
        # NaN would be sorted last and called different: the metrics are NaN then.
        self._ranked, self._scored = np.isfinite(distance).all(), np.isfinite(score).all()
        self._score = score if self._scored else np.zeros_like(score)
        self._called = self._score > 0.5
        self._order = np.argsort(distance, kind="stable")
        ordered = distance[self._order]
        # Equal distances are accepted together: a curve has a point after the last of them.
        self._last = np.flatnonzero(np.append(ordered[1:] > ordered[:-1], True))

    def measure(self, names: Iterable[str], weights: Weights) -> dict[str, Floats]:
        """[resamples] values of each measure.

        NaN where one has no meaning: one kind of pair only, or a score (distance) that is not a finite number.

        Raises:
          KeyError: a name that is not a measure.
        """
        under = _Under(self, weights)
        with np.errstate(divide="ignore", invalid="ignore"):
            return {
                name: under.measure(name)
                if (self._scored if name in _OF_SCORES else self._ranked)
                else np.full(len(weights), np.nan)
                for name in names
            }

    def curves(self, weights: Weights) -> tuple[Floats, Floats]:
        """(genuine, impostor) weight accepted at each threshold, from the strictest: [resamples, thresholds]."""
        ordered, genuine = weights[:, self._order], self._same[self._order]
        accepted = (np.cumsum(ordered * side, axis=1)[:, self._last] for side in (genuine, ~genuine))
        genuine_accepted, impostors_accepted = accepted
        return genuine_accepted, impostors_accepted


class _Under:
    """The pairs under one block of weights; each intermediate result is made once."""

    def __init__(self, pairs: ResampledPairs, weights: Weights) -> None:
        self._pairs, self._weights = pairs, weights

    def measure(self, name: str) -> Floats:
        if name.startswith("tar_at_far_"):
            return self._tar_at(float(name.removeprefix("tar_at_far_")))
        measures = {
            "accuracy": self._accuracy,
            "precision": lambda: self._sum(self._hit) / self._sum(self._pairs._called),
            "recall": lambda: self._sum(self._hit) / self._sum(self._pairs._same),
            "f1": lambda: 2 * self._sum(self._hit) / (self._sum(self._pairs._called) + self._sum(self._pairs._same)),
            "auc": self._auc,
            "average_precision": self._average_precision,
            "tar_at_far": lambda: self._tar_at(self._pairs._settings.fars[0]),
            "precision_at_prior": self._precision_at_prior,
            "eer": self._eer,
            "calibration_error": self._calibration_error,
        }
        return measures[name]()

    @property
    def _hit(self) -> NDArray[np.bool_]:
        return self._pairs._same & self._pairs._called

    def _sum(self, which: NDArray[np.bool_]) -> Floats:
        return self._weights @ which.astype(np.float64)

    @cached_property
    def _curves(self) -> tuple[Floats, Floats]:
        return self._pairs.curves(self._weights)

    @cached_property
    def _rates(self) -> tuple[Floats, Floats]:
        """(TAR, FAR), from nothing accepted to everything accepted: [resamples, thresholds + 1]."""
        tar, far = (np.pad(curve / curve[:, -1:], ((0, 0), (1, 0))) for curve in self._curves)
        return tar, far

    def _accuracy(self) -> Floats:
        return self._sum(self._pairs._same == self._pairs._called) / self._weights.sum(axis=1)

    def _auc(self) -> Floats:
        tar, far = self._rates
        return (np.diff(far, axis=1) * (tar[:, 1:] + tar[:, :-1]) / 2).sum(axis=1)

    def _average_precision(self) -> Floats:
        genuine, impostors = self._curves
        # Nothing accepted has no precision, and adds nothing.
        precision = np.nan_to_num(genuine / (genuine + impostors))
        tar, far = self._rates
        return (np.diff(tar, axis=1) * precision).sum(axis=1) + 0 * far[:, -1]

    def _tar_at(self, far: float) -> Floats:
        tar, fars = self._rates
        return np.where(fars <= far, tar, 0.0).max(axis=1) + 0 * (tar[:, -1] + fars[:, -1])

    def _eer(self) -> Floats:
        tar, far = self._rates
        gap = far - (1 - tar)
        after = np.argmax(gap >= 0, axis=1)
        before = np.maximum(after - 1, 0)
        rows = np.arange(len(gap))
        span = gap[rows, after] - gap[rows, before]
        share = np.where(span > 0, -gap[rows, before] / np.where(span > 0, span, 1.0), 0.0)
        value = far[rows, before] + share * (far[rows, after] - far[rows, before])
        return np.asarray(value + 0 * (tar[:, -1] + far[:, -1]))

    def _precision_at_prior(self) -> Floats:
        same, called = self._pairs._same, self._pairs._called
        prior = self._pairs._settings.genuine_prior
        accepted = prior * self._sum(same & called) / self._sum(same)
        wrongly = (1 - prior) * self._sum(~same & called) / self._sum(~same)
        return accepted / (accepted + wrongly)

    def _calibration_error(self) -> Floats:
        bins = np.clip((self._pairs._score * CALIBRATION_BINS).astype(int), 0, CALIBRATION_BINS - 1)
        of_bin = np.eye(CALIBRATION_BINS)[bins]
        gap = self._weights @ (of_bin * (self._pairs._score - self._pairs._same)[:, None])
        return np.abs(gap).sum(axis=1) / self._weights.sum(axis=1)
