"""Every scored pair of a slice, packed: the input of all exact metrics, gathered once.

A pair takes 13 bytes for each slice that it is in and each model: 130 MB for a million pairs in five slices with a
baseline. Metrics by histogram would take less, and be wrong in the third digit.
"""

from array import array
from collections.abc import Iterable, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
from numpy.typing import NDArray
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2

from models.verification.calibration import Floats

SCORE = "score"  # among the model's outputs, unless ``prediction_key`` names another
DISTANCE = "distance"  # beside it
PRIVATE_NAME = "_scored_pairs"  # TFMA writes no metric whose name begins so


class PackedPairs:
    """Scored pairs, in any order, as float32."""

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
    """Gathers the pairs of a slice.

    A pair comes here once for each of its slices and models, so it is looked up directly: TFMA's general way, for
    outputs and labels of any shape, takes ten times as long.
    """

    def __init__(self, key: metric_types.MetricKey, eval_config: config_pb2.EvalConfig | None) -> None:
        self._key, self._score = key, _score_key(key.model_name, eval_config)

    def create_accumulator(self) -> PackedPairs:
        return PackedPairs()

    def add_input(self, accumulator: PackedPairs, element: metric_types.StandardMetricInputs) -> PackedPairs:
        names = self._key.model_name, self._key.output_name
        outputs = element.get_predictions(*names)
        score = _scalar(outputs[self._score] if isinstance(outputs, Mapping) else outputs)
        has_distance = isinstance(outputs, Mapping) and DISTANCE in outputs
        distance = _scalar(outputs[DISTANCE]) if has_distance else -score
        weight = _scalar(element.get_example_weights(*names)) if self._key.example_weighted else 1.0
        accumulator.append(_scalar(element.get_labels(*names)) > 0.5, score, distance, weight)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[PackedPairs]) -> PackedPairs:
        merged = PackedPairs()
        for accumulator in accumulators:
            merged.extend(accumulator)
        return merged

    def extract_output(self, accumulator: PackedPairs) -> dict[metric_types.MetricKey, PackedPairs]:
        return {self._key: accumulator}


def _score_key(model_name: str, eval_config: config_pb2.EvalConfig | None) -> str:
    """The name of the score among the outputs of a model; for a single model TFMA omits the name."""
    specs = eval_config.model_specs if eval_config else ()
    keys = (spec.prediction_key for spec in specs if len(specs) == 1 or spec.name == model_name)
    return next(keys, "") or SCORE


def _scalar(value: Any) -> float:
    return float(np.asarray(value).item())
