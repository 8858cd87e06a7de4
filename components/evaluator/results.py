"""What TFMA wrote, read back: the gate "floors", which is its validation, and the metrics on the test split."""

import math
from typing import Any

import tensorflow_model_analysis as tfma

from components.run_outcome.summary import Metric
from components.run_outcome.verdict import GateResult
from models.verification.metrics import in_reading_order

Slices = dict[str, dict[str, float]]  # slice name ("" for the whole) -> measure -> value


def floors_gate(evaluation: str) -> GateResult:
    """The validation in the ModelEvaluation at ``evaluation``, with the figures of each failure."""
    failures = []
    for in_slice in tfma.load_validation_result(evaluation).metric_validations_per_slice:
        for failure in in_slice.failures:
            name, value, bound = failure.metric_key.name, failure.metric_value, failure.metric_threshold.value_threshold
            measured = value.double_value.value
            if value.WhichOneof("type") is None or math.isnan(measured):
                failures.append(f"{name} could not be measured: {failure.message or 'it is not a number'}")
            elif bound.HasField("lower_bound") and measured < bound.lower_bound.value:
                failures.append(f"{name} {measured:.4f} is below the floor {bound.lower_bound.value:g}")
            else:
                failures.append(f"{name} {measured:.4f} is above the ceiling {bound.upper_bound.value:g}")
    passed = "every floor is reached, no ceiling exceeded"
    return GateResult(name="floors", passed=not failures, reason="; ".join(failures) or passed)


def measured(evaluation: str) -> tuple[dict[str, Metric], dict[str, Metric], Slices]:
    """(candidate's, baseline's, candidate's by slice) in the ModelEvaluation at ``evaluation``."""
    candidate, baseline = (by_slice(evaluation, model) for model in ("candidate", "baseline"))
    slices = {name: without_nan(measures) for name, measures in candidate.items() if name}
    return _metrics(candidate.get("", {})), _metrics(baseline.get("", {})), slices


def by_slice(evaluation: str, model: str) -> Slices:
    """The metrics of a model, "candidate" or "baseline"; empty if it was not evaluated."""
    slices: Slices = {}
    for record in tfma.load_metrics(evaluation):
        name = ", ".join(f"{key.column}: {_value(key)}" for key in record.slice_key.single_slice_keys)
        for measure in record.metric_keys_and_values:
            # Without a baseline TFMA omits the candidate's name.
            if not measure.key.is_diff and (measure.key.model_name or "candidate") == model:
                slices.setdefault(name, {})[measure.key.name] = measure.value.double_value.value
    return slices


def without_nan(measures: dict[str, float]) -> dict[str, float]:
    """Without undefined values, such as the recall of a slice of impostors: JSON has no NaN."""
    return {name: value for name, value in measures.items() if not math.isnan(value)}


def _metrics(measures: dict[str, float]) -> dict[str, Metric]:
    kept = without_nan(measures)
    return {name: Metric(value=kept[name]) for name in in_reading_order(kept)}


def _value(key: Any) -> str:
    kind = key.WhichOneof("kind")
    value = getattr(key, kind) if kind else ""
    return value.decode() if isinstance(value, bytes) else str(value)
