"""The metric of TFMA. ``MetricConfig(module=MODULE, class_name="VerificationMetric", config=...)`` names one.

It reads ``PackedPairs``, and defines nothing: names and arithmetic are those of ``models.verification.metrics``.
"""

from collections.abc import Sequence
from typing import Any

from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2

from components.evaluator.packed_pairs import PackedPairs, pack_pairs
from models.verification.metrics import FARS, GENUINE_PRIOR, DefaultOptions, PairMetrics

MODULE = __name__
CODE_DIGEST = "code_digest"  # the Evaluator's cache key is its configuration: another code is another configuration


class VerificationMetric(metric_types.Metric):
    """A metric (or a count) over all pairs of a slice; NaN where it has no meaning.

    TFMA's own AUC is of the score, at a fixed number of thresholds; this is exact, and of the distance.

    Args:
      name: of the metric, as ``models.verification.metrics`` lists it.
      fars: false accept rates; ``tar_at_far`` is that of the first.
      genuine_prior: share of genuine pairs in ``precision_at_prior``.
    """

    def __init__(self, name: str, fars: Sequence[float] = FARS, genuine_prior: float = GENUINE_PRIOR) -> None:
        super().__init__(self._computations, name=name, fars=tuple(fars), genuine_prior=genuine_prior)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "VerificationMetric":
        """From a ``MetricConfig``; what is under CODE_DIGEST there is not for the metric, but for cache keys."""
        return cls(**{key: value for key, value in config.items() if key != CODE_DIGEST})

    def _computations(
        self,
        name: str,
        fars: Sequence[float],
        genuine_prior: float,
        eval_config: config_pb2.EvalConfig | None = None,
        model_names: list[str] | None = None,
        output_names: list[str] | None = None,
        example_weighted: bool = False,
    ) -> metric_types.MetricComputations:
        options = DefaultOptions(fars, genuine_prior)
        computations: metric_types.MetricComputations = []
        for model in model_names or [""]:
            for output in output_names or [""]:
                packed = pack_pairs(eval_config, model, output, example_weighted)
                key = packed.keys[0]._replace(name=name)
                computations += [packed, _derived(key, packed.keys[0], options)]
        return computations


def _derived(
    key: metric_types.MetricKey, packed: metric_types.MetricKey, options: DefaultOptions
) -> metric_types.DerivedMetricComputation:
    def result(metrics: dict[metric_types.MetricKey, Any]) -> dict[metric_types.MetricKey, float]:
        pairs: PackedPairs = metrics[packed]
        found = PairMetrics(pairs.same, pairs.score, pairs.distance, options)
        return {key: found.values([key.name], pairs.weights)[key.name]}

    return metric_types.DerivedMetricComputation(keys=[key], result=result)
