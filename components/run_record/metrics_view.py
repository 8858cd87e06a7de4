"""Reads TFMA's metrics on the test split."""

import math
from typing import Any

import tensorflow_model_analysis as tfma

from components.run_outcome.summary import Metric
from models.verification.metrics import in_reading_order

Slices = dict[str, dict[str, float]]  # slice name ("" for the whole) -> measure -> value


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
