"""The gate "floors": TFMA's validation of floors and ceilings on the entire test split."""

import math

import tensorflow_model_analysis as tfma

from components.run_outcome.verdict import GateResult


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
