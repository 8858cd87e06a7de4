"""The metrics. ``MetricConfig(module=MODULE, class_name=..., config=...)`` names one.

Each reads the same ``PackedPairs``; the arithmetic is that of ``models.verification.metrics``.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2

from components.evaluator.packed_pairs import PackedPairs, pack_pairs
from models.verification import metrics

MODULE = __name__
CODE_DIGEST = "code_digest"  # in the configuration, which is the Evaluator's cache key


class PairMetric(metric_types.Metric):
    """A metric of all pairs of a slice.

    Attributes:
      measure: from the pairs and the settings to the value; NaN if undefined.
    """

    measure: Callable[..., float]

    def __init__(self, name: str, **settings: Any) -> None:
        super().__init__(self._computations, name=name, **settings)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "PairMetric":
        """From a ``MetricConfig``; CODE_DIGEST in it is only for cache keys."""
        return cls(**{key: value for key, value in config.items() if key != CODE_DIGEST})

    def _computations(
        self,
        name: str,
        eval_config: config_pb2.EvalConfig | None = None,
        model_names: list[str] | None = None,
        output_names: list[str] | None = None,
        example_weighted: bool = False,
        **settings: Any,
    ) -> metric_types.MetricComputations:
        computations = []
        for model in model_names or [""]:
            for output in output_names or [""]:
                packed = pack_pairs(eval_config, model, output, example_weighted)
                key = packed.keys[0]._replace(name=name)
                computations += [packed, _derived(key, packed.keys[0], type(self).measure, settings)]
        return computations


def _derived(
    key: metric_types.MetricKey, packed: metric_types.MetricKey, measure: Any, settings: dict[str, Any]
) -> metric_types.DerivedMetricComputation:
    def result(metrics: dict[metric_types.MetricKey, Any]) -> dict[metric_types.MetricKey, float]:
        return {key: measure(metrics[packed], **settings)}

    return metric_types.DerivedMetricComputation(keys=[key], result=result)


class AtThreshold(PairMetric):
    """A metric or a count at the operating threshold: "the same" if the score is above ``threshold``.

    Args:
      name: one of ``verdict_measures`` or ``verdict_counts`` of ``models.verification.metrics``, as "accuracy".
      threshold: on the score.
    """

    def __init__(self, name: str, threshold: float = 0.5) -> None:
        super().__init__(name, measured=name, threshold=threshold)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "PairMetric":
        return super().from_config({key: value for key, value in config.items() if key != "measured"})

    @staticmethod
    def measure(pairs: PackedPairs, measured: str, threshold: float) -> float:
        verdicts = pairs.same, pairs.score > threshold, pairs.weights
        found = metrics.verdict_measures(*verdicts) | metrics.verdict_counts(*verdicts)
        return found[measured] if np.isfinite(pairs.score).all() else np.nan


class AreaUnderCurve(PairMetric):
    """Area under the ROC curve of the distance; TFMA's own AUC is of the score, at a fixed number of thresholds."""

    def __init__(self, name: str = "auc") -> None:
        super().__init__(name)

    @staticmethod
    def measure(pairs: PackedPairs) -> float:
        return metrics.area_under_curve(pairs.same, pairs.distance, pairs.weights)


class AveragePrecision(PairMetric):
    """Average precision of the distance."""

    def __init__(self, name: str = "average_precision") -> None:
        super().__init__(name)

    @staticmethod
    def measure(pairs: PackedPairs) -> float:
        return metrics.average_precision(pairs.same, pairs.distance, pairs.weights)


class EqualErrorRate(PairMetric):
    """The equal error rate: false accept rate and false reject rate are equal."""

    def __init__(self, name: str = "eer") -> None:
        super().__init__(name)

    @staticmethod
    def measure(pairs: PackedPairs) -> float:
        return metrics.equal_error_rate(pairs.same, pairs.distance, pairs.weights)


class TarAtFar(PairMetric):
    """The true accept rate at a false accept rate of at most ``far``."""

    def __init__(self, far: float, name: str = "tar_at_far") -> None:
        super().__init__(name, far=far)

    @staticmethod
    def measure(pairs: PackedPairs, far: float) -> float:
        return metrics.tar_at_far(pairs.same, pairs.distance, far, pairs.weights)


class CalibrationError(PairMetric):
    """Expected calibration error of the score."""

    def __init__(self, bins: int = metrics.CALIBRATION_BINS, name: str = "calibration_error") -> None:
        super().__init__(name, bins=bins)

    @staticmethod
    def measure(pairs: PackedPairs, bins: int) -> float:
        return metrics.calibration_error(pairs.same, pairs.score, bins, pairs.weights)


class PrecisionAtPrior(PairMetric):
    """Precision at the operating threshold if a share ``prior`` of the pairs is genuine."""

    def __init__(
        self, prior: float = metrics.GENUINE_PRIOR, threshold: float = 0.5, name: str = "precision_at_prior"
    ) -> None:
        super().__init__(name, prior=prior, threshold=threshold)

    @staticmethod
    def measure(pairs: PackedPairs, prior: float, threshold: float) -> float:
        if not np.isfinite(pairs.score).all():
            return np.nan
        return metrics.precision_at_prior(pairs.same, pairs.score > threshold, prior, pairs.weights)
