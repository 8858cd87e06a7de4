"""The metrics of a verifier: the one table, and their values over scored pairs. NumPy only.

To add a metric: an entry of ``METRICS``. Gates, TFMA, the bootstrap, ``summary.json`` and the report read the table.

Polarity: a small distance means "the same". Metrics that rank pairs (AUC, average precision, EER, TAR@FAR) are computed
from the *distance*: as float32 the score saturates at 0 and 1, where it ties pairs that the distance separates. Metrics
at the operating threshold, and the calibration error, are computed from the *score*, which is what serves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from pydantic import BaseModel

from models.lazy_modules import np
from models.verification.rates import Confusion, RocCurve, ranking

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.verification.arrays import Bools, Floats

FARS = (0.01, 0.1, 0.001)
GENUINE_PRIOR = 0.01
CALIBRATION_BINS = 15
TAR_AT_FAR = "tar_at_far_"  # and the false accept rate


class MetricOptions(Protocol):
    """What a user may set: false accept rates (``tar_at_far`` is that of the first), share of genuine pairs."""

    @property
    def fars(self) -> Sequence[float]: ...
    @property
    def genuine_prior(self) -> float: ...


@dataclass(frozen=True)
class DefaultOptions:
    """The options where nothing is configured."""

    fars: Sequence[float] = FARS
    genuine_prior: float = GENUINE_PRIOR


class PairMetrics:
    """Metrics of one model over scored pairs, under any number of weightings at once (one: the plain value).

    A metric without a meaning (one kind of pair only, no pairs, a score or distance that is not finite) is NaN, which
    no gate passes.

    Args:
      same: [n], True genuine.
      score: [n] in [0, 1]; without it there is no ``calibration_error``.
      distance: [n], small is alike.
      options: false accept rates and prior.
      threshold: pairs closer than this are called the same; default: those whose score is above 0.5.
    """

    def __init__(
        self,
        same: Bools,
        score: Floats | None,
        distance: Floats,
        options: MetricOptions = DefaultOptions(),
        threshold: float | None = None,
    ) -> None:
        self.same, self.score, self.distance, self.options = same, score, distance, options
        self._threshold = threshold

    def measure(self, names: Iterable[str], weights: Floats | None = None) -> dict[str, Floats]:
        """[k] values of each metric under ``weights`` [k, n], how often each pair counts; default: once, k = 1.

        Raises:
          KeyError: a name that is not a metric.
        """
        pairs = _WeightedPairs(self, np.ones((1, len(self.same))) if weights is None else weights)
        undefined = np.full(len(pairs.weights), np.nan)
        found = ((name, metric(name)) for name in names)
        return {name: one.compute(pairs) if self._measurable(one) else undefined for name, one in found}

    def values(self, names: Iterable[str], weights: Floats | None = None) -> dict[str, float]:
        """The value of each metric, each pair counted once, or ``weights`` [n] times."""
        rows = None if weights is None else np.asarray(weights, np.float64)[None]
        return {name: float(values[0]) for name, values in self.measure(names, rows).items()}

    def _measurable(self, metric: MetricDefinition) -> bool:
        if metric.ranks:
            return len(self.distance) > 0 and bool(np.isfinite(self.distance).all())
        return bool(np.isfinite(self.distance if self.score is None else self.score).all())

    @cached_property
    def called(self) -> Bools:
        """[n], True where the verdict is "the same"."""
        return np.asarray(self.score) > 0.5 if self._threshold is None else self.distance < self._threshold

    @cached_property
    def ranking(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of the distances; sorted once for all weightings."""
        return ranking(self.distance)


class _WeightedPairs:
    """The pairs under one block of weights; each intermediate result is computed once."""

    def __init__(self, pairs: PairMetrics, weights: Floats) -> None:
        self.same, self.score, self.options = pairs.same, pairs.score, pairs.options
        self.weights, self._pairs = weights, pairs

    @cached_property
    def confusion(self) -> Confusion:
        same, called = self.same, self._pairs.called
        true, false, genuine, impostors = (
            self.weights @ which.astype(np.float64) for which in (same & called, ~same & called, same, ~same)
        )
        return Confusion(true, false, genuine, impostors)

    @cached_property
    def roc(self) -> RocCurve:
        return RocCurve.ranked(self.same, *self._pairs.ranking, self.weights)


@dataclass(frozen=True)
class MetricDefinition:
    """A metric: how it is computed, and what it is."""

    compute: Callable[[_WeightedPairs], Floats]  # one value for each weighting, [k]
    higher_is_better: bool = True
    needs_both_kinds: bool = True  # it has no meaning for genuine pairs alone, or for impostors alone
    ranks: bool = False  # computed from distances, not from scores


def _calibration_error(pairs: _WeightedPairs) -> Floats:
    """Expected calibration error: the distance of the score from the share of genuine pairs, averaged over the pairs.

    The scores are cut into bins of equal width, [0, 1/bins), ..., [1 - 1/bins, 1]; in each, the mean score is compared
    with the share of genuine pairs (Naeini et al. 2015). It holds for the share of genuine pairs in the data (half).
    """
    score = np.asarray(pairs.score, np.float64)
    bins = np.clip((score * CALIBRATION_BINS).astype(np.int64), 0, CALIBRATION_BINS - 1)
    gap = pairs.weights @ (np.eye(CALIBRATION_BINS)[bins] * (score - pairs.same)[:, None])
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(gap).sum(axis=1) / pairs.weights.sum(axis=1))


# In the order in which people read them; ``tar_at_far_<far>`` follows for each configured rate.
METRICS: dict[str, MetricDefinition] = {
    "accuracy": MetricDefinition(lambda pairs: pairs.confusion.accuracy, needs_both_kinds=False),
    "precision": MetricDefinition(lambda pairs: pairs.confusion.precision),
    "recall": MetricDefinition(lambda pairs: pairs.confusion.recall),
    "f1": MetricDefinition(lambda pairs: pairs.confusion.f1),
    "auc": MetricDefinition(lambda pairs: pairs.roc.auc, ranks=True),
    "average_precision": MetricDefinition(lambda pairs: pairs.roc.average_precision, ranks=True),
    "tar_at_far": MetricDefinition(lambda pairs: pairs.roc.tar_at(pairs.options.fars[0]), ranks=True),
    "precision_at_prior": MetricDefinition(lambda pairs: pairs.confusion.precision_at(pairs.options.genuine_prior)),
    "eer": MetricDefinition(lambda pairs: pairs.roc.equal_error_rate, higher_is_better=False, ranks=True),
    "calibration_error": MetricDefinition(_calibration_error, higher_is_better=False),
}

# The cells of the confusion matrix, counted beside the metrics for the report.
COUNTS: dict[str, MetricDefinition] = {
    "true_positives": MetricDefinition(lambda pairs: np.asarray(pairs.confusion.true_positives)),
    "true_negatives": MetricDefinition(lambda pairs: pairs.confusion.true_negatives),
    "false_positives": MetricDefinition(lambda pairs: np.asarray(pairs.confusion.false_positives)),
    "false_negatives": MetricDefinition(lambda pairs: pairs.confusion.false_negatives),
}


def metric_names(fars: Iterable[float] = FARS) -> tuple[str, ...]:
    """Every metric's name, as gates and ``summary.json`` use it."""
    return (*METRICS, *(f"{TAR_AT_FAR}{far:g}" for far in fars))


def metric(name: str) -> MetricDefinition:
    """The metric or count of a name.

    Raises:
      KeyError: there is none.
    """
    if name in METRICS or name in COUNTS:
        return (METRICS | COUNTS)[name]
    if not name.startswith(TAR_AT_FAR):
        raise KeyError(name)
    far = float(name.removeprefix(TAR_AT_FAR))
    return MetricDefinition(lambda pairs: pairs.roc.tar_at(far), ranks=True)


def higher_is_better(name: str) -> bool:
    """The direction of a metric; any ``tar_at_far_<far>`` is like ``tar_at_far``."""
    return METRICS.get(name, METRICS["tar_at_far"]).higher_is_better


def needs_both_kinds(name: str) -> bool:
    """Whether a metric has no meaning for genuine pairs alone, or for impostors alone."""
    return METRICS.get(name, METRICS["tar_at_far"]).needs_both_kinds


def in_reading_order(names: Iterable[str]) -> list[str]:
    """Those of some names that are metrics, in the order in which people read them."""
    found = set(names)
    tars = (name for name in found if name.startswith(TAR_AT_FAR))
    ordered = sorted(tars, key=lambda name: float(name.removeprefix(TAR_AT_FAR)), reverse=True)
    return [name for name in METRICS if name in found] + ordered


def metric_value(name: str, same: Bools, distance: Floats) -> float:
    """One metric that ranks pairs, as ``auc``, ``eer`` or ``tar_at_far_0.01``."""
    return PairMetrics(same, None, distance).values([name])[name]


def verification_metrics(
    same: NDArray[np.integer],
    distance: Floats,
    threshold: float,
    score: Floats | None = None,
    *,
    fars: Sequence[float] = FARS,
    genuine_prior: float = GENUINE_PRIOR,
    weights: Floats | None = None,
) -> dict[str, float]:
    """Every metric by name, as ``PairMetrics`` computes them; ``same`` [n] is 1 genuine, 0 impostor."""
    pairs = PairMetrics(np.asarray(same).astype(bool), score, distance, DefaultOptions(fars, genuine_prior), threshold)
    names = (name for name in metric_names(fars) if score is not None or name != "calibration_error")
    return pairs.values(names, weights)


class Interval(BaseModel):
    """A metric and its 95% confidence interval; null if it is undefined."""

    value: float | None
    low: float | None
    high: float | None


class MeasuredIntervals(BaseModel):
    """``intervals.json``, by metric. ``gain`` is positive if the candidate is better."""

    pairs: int
    units: int
    drawn: str
    resamples: int
    candidate: dict[str, Interval]
    baseline: dict[str, Interval] = {}
    gain: dict[str, Interval] = {}
