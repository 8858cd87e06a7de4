"""The Evaluator's verdict as a gate: floors and ceilings on the whole test split."""

import math

import tensorflow_model_analysis as tfma

from components.run_outcome.gate_result import GateResult


def limits_gate(evaluation: str) -> GateResult:
    """The verdict in the ModelEvaluation at ``evaluation``; what failed is told with its figures."""
    faults = []
    for in_slice in tfma.load_validation_result(evaluation).metric_validations_per_slice:
        for failure in in_slice.failures:
            name, value, bound = failure.metric_key.name, failure.metric_value, failure.metric_threshold.value_threshold
            measured = value.double_value.value
            if value.WhichOneof("type") is None or math.isnan(measured):
                faults.append(f"{name} could not be measured: {failure.message or 'it is not a number'}")
            elif bound.HasField("lower_bound") and measured < bound.lower_bound.value:
                faults.append(f"{name} {measured:.4f} is below the floor {bound.lower_bound.value:g}")
            else:
                faults.append(f"{name} {measured:.4f} is above the ceiling {bound.upper_bound.value:g}")
    met = "every floor is reached, no ceiling exceeded"
    return GateResult(name="floors", passed=not faults, reason="; ".join(faults) or met)
