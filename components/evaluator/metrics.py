"""The metric of TFMA. ``MetricConfig(module=MODULE, class_name="VerificationMetric", config=...)`` names one.

It defines nothing: names and arithmetic are those of ``models.verification.metrics``. Exact metrics need all pairs of
a slice, and share one collection of them, packed: a pair takes 13 bytes for each of its slices and each model: a
million pairs in five slices with a baseline take 130 MB. Metrics by histogram would take less, and be wrong in the
third digit.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
from numpy.typing import NDArray
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2

from models.verification.arrays import Floats
from models.verification.metrics import FARS, GENUINE_PRIOR, DefaultOptions, PairMetrics

MODULE = __name__
CODE_DIGEST = "code_digest"  # the Evaluator's cache key is its configuration: another code is another configuration
SCORE = "score"  # the output of the model, unless ``prediction_key`` names another
DISTANCE = "distance"
PRIVATE_NAME = "_scored_pairs"  # TFMA does not write metrics whose name begins with _


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


class PackedPairs:
    """Scored pairs in any order, as float32 like the outputs of models."""

    def __init__(self) -> None:
        self._same, self._score, self._distance, self._weights = array("b"), array("f"), array("f"), array("f")

    def append(self, same: bool, score: float, distance: float, weight: float) -> None:
        """Adds a pair."""
        self._same.append(same)
        self._score.append(score)
        self._distance.append(distance)
        self._weights.append(weight)

    def extend(self, other: "PackedPairs") -> None:
        """Adds the pairs of another."""
        for name, column in vars(self).items():
            column.extend(getattr(other, name))

    def __len__(self) -> int:
        return len(self._same)

    @property
    def same(self) -> NDArray[np.bool_]:
        """[n], True genuine."""
        return np.array(self._same, np.bool_)

    @property
    def score(self) -> Floats:
        """[n], higher is more alike; the verdict is "same" above 0.5."""
        return np.array(self._score, np.float64)

    @property
    def distance(self) -> Floats:
        """[n], smaller is more alike; of a model without distances, the negative score."""
        return np.array(self._distance, np.float64)

    @property
    def weights(self) -> Floats:
        """[n], how often each pair counts."""
        return np.array(self._weights, np.float64)


def pack_pairs(
    eval_config: config_pb2.EvalConfig | None, model_name: str, output_name: str, example_weighted: bool
) -> metric_types.MetricComputation:
    """The computation of one model's ``PackedPairs`` under ``PRIVATE_NAME``; TFMA runs equal ones once."""
    key = metric_types.MetricKey(
        name=PRIVATE_NAME, model_name=model_name, output_name=output_name, example_weighted=example_weighted
    )
    return metric_types.MetricComputation(keys=[key], preprocessors=None, combiner=PackPairs(key, eval_config))


class PackPairs(beam.CombineFn):
    """Collects the pairs of a slice.

    It runs for each pair, slice and model, so it reads the values directly: TFMA's general conversion of outputs and
    labels of any shape takes ten times as long.
    """

    def __init__(self, key: metric_types.MetricKey, eval_config: config_pb2.EvalConfig | None) -> None:
        self._key, self._score = key, _score_key(key.model_name, eval_config)

    def create_accumulator(self) -> PackedPairs:
        return PackedPairs()

    def add_input(self, accumulator: PackedPairs, element: metric_types.StandardMetricInputs) -> PackedPairs:
        output = self._key.model_name, self._key.output_name
        outputs = element.get_predictions(*output)
        score = _scalar(outputs[self._score] if isinstance(outputs, Mapping) else outputs)
        ranked = isinstance(outputs, Mapping) and DISTANCE in outputs
        distance = _scalar(outputs[DISTANCE]) if ranked else -score
        weight = _scalar(element.get_example_weights(*output)) if self._key.example_weighted else 1.0
        accumulator.append(_scalar(element.get_labels(*output)) > 0.5, score, distance, weight)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[PackedPairs]) -> PackedPairs:
        merged = PackedPairs()
        for accumulator in accumulators:
            merged.extend(accumulator)
        return merged

    def extract_output(self, accumulator: PackedPairs) -> dict[metric_types.MetricKey, PackedPairs]:
        return {self._key: accumulator}


def _score_key(model_name: str, eval_config: config_pb2.EvalConfig | None) -> str:
    """The name of the score among a model's outputs; with a single model, TFMA omits the model's name."""
    specs = eval_config.model_specs if eval_config else ()
    keys = (spec.prediction_key for spec in specs if len(specs) == 1 or spec.name == model_name)
    return next(keys, "") or SCORE


def _scalar(value: Any) -> float:
    return float(np.asarray(value).item())
