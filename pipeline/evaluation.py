"""TFMA's EvalConfig: metrics, slices, floors and ceilings."""

import json

from tensorflow_model_analysis.proto import config_pb2

from components.evaluator.metrics import CODE_DIGEST, MODULE, VerificationMetric
from components.gates.model_gate.settings import GateSettings, MeasureSettings
from models.data import features
from models.verification.metrics import COUNTS


def eval_config(gates: GateSettings, measures: MeasureSettings, code_digest: str = "") -> config_pb2.EvalConfig:
    """All metrics on the test split, overall and by slice, with floors and ceilings on the entire split.

    Thresholds hold for the entire split alone (``MetricConfig.threshold`` would hold for every slice, and the precision
    of a slice of genuine pairs is meaningless). The baseline is evaluated too, but not compared: the ModelGate tests
    whether a difference is more than noise, and thresholds within slices.
    ``code_digest`` is of the metrics: the configuration is the Evaluator's cache key.
    """
    # All are ours: they share one pass over the pairs, where a pair takes a tenth of the time that it takes in TFMA's
    # confusion matrices, and a floor is checked on the very number that the bootstrap estimates. Same is score > 0.5.
    options = {"fars": measures.fars, "genuine_prior": measures.genuine_prior}
    metrics = [
        config_pb2.MetricConfig(
            class_name=VerificationMetric.__name__,
            module=MODULE,
            config=json.dumps({"name": name, **options, CODE_DIGEST: code_digest}),
            per_slice_thresholds=_thresholds(gates, name),
        )
        for name in (*measures.names, *COUNTS)
    ]
    metrics.append(config_pb2.MetricConfig(class_name="ExampleCount"))
    served = {"signature_name": "serving_default", "label_key": features.SAME, "prediction_key": "score"}
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(name="candidate", model_type="tf_generic", **served),
            config_pb2.ModelSpec(name="baseline", is_baseline=True, model_type="tf_generic", **served),
        ],
        slicing_specs=[
            config_pb2.SlicingSpec(),
            *(config_pb2.SlicingSpec(feature_keys=[key]) for key in features.SLICES),
        ],
        metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)],
    )


def _thresholds(gates: GateSettings, name: str) -> list[config_pb2.PerSliceMetricThreshold]:
    threshold = config_pb2.MetricThreshold()
    if name in gates.floors:
        threshold.value_threshold.lower_bound.value = gates.floors[name]
    if name in gates.ceilings:
        threshold.value_threshold.upper_bound.value = gates.ceilings[name]
    if not threshold.HasField("value_threshold"):
        return []
    return [config_pb2.PerSliceMetricThreshold(slicing_specs=[config_pb2.SlicingSpec()], threshold=threshold)]
