"""Every scored pair of a slice, packed: what exact measures are made of, gathered once for all of them.

A pair takes 13 bytes for each slice that it is in and each model: a million pairs in five slices with a baseline,
130 MB. Measures by histogram would take less, and be wrong in the third digit.
"""

from array import array
from collections.abc import Iterable, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
from numpy.typing import NDArray
from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.proto import config_pb2

from models.calibration import Floats

DISTANCE = "distance"  # among the model's outputs, beside the score that ``prediction_key`` names
PRIVATE_NAME = "_scored_pairs"  # TFMA writes no metric whose name begins so


class PackedPairs:
    """Scored pairs, in any order: float32, as models answer."""

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
        """[n], smaller is more alike; of a model that tells none, the score with its sign turned."""
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
    """Gathers the pairs of a slice."""

    def __init__(self, key: metric_types.MetricKey, eval_config: config_pb2.EvalConfig | None) -> None:
        self._key, self._eval_config = key, eval_config

    def create_accumulator(self) -> PackedPairs:
        return PackedPairs()

    def add_input(self, accumulator: PackedPairs, element: metric_types.StandardMetricInputs) -> PackedPairs:
        model, output = self._key.model_name, self._key.output_name
        outputs = element.get_predictions(model, output)
        for label, score, weight in metric_util.to_label_prediction_example_weight(
            element,
            eval_config=self._eval_config,
            model_name=model,
            output_name=output,
            example_weighted=self._key.example_weighted,
        ):
            told = _scalar(outputs[DISTANCE]) if isinstance(outputs, Mapping) and DISTANCE in outputs else None
            distance = -_scalar(score) if told is None else told
            accumulator.append(_scalar(label) > 0.5, _scalar(score), distance, _scalar(weight))
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[PackedPairs]) -> PackedPairs:
        merged = PackedPairs()
        for accumulator in accumulators:
            merged.extend(accumulator)
        return merged

    def extract_output(self, accumulator: PackedPairs) -> dict[metric_types.MetricKey, PackedPairs]:
        return {self._key: accumulator}


def _scalar(value: Any) -> float:
    return float(np.asarray(value).item())
