"""What TFMA measures and what it must find for a blessing."""

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from components.model_gate.settings import GateSettings
from models import features

# TFMA's class and settings for each metric of the configuration, at the operating threshold: same is score > 0.5.
TFMA_METRICS = {
    "accuracy": ("BinaryAccuracy", '"threshold": 0.5'),
    "precision": ("Precision", '"thresholds": 0.5'),
    "recall": ("Recall", '"thresholds": 0.5'),
    "f1": ("F1Score", '"thresholds": 0.5'),
    "auc": ("AUC", ""),
}
# Counted beside them, for the report.
COUNTS = {
    "true_positives": ("TruePositives", '"thresholds": 0.5'),
    "true_negatives": ("TrueNegatives", '"thresholds": 0.5'),
    "false_positives": ("FalsePositives", '"thresholds": 0.5'),
    "false_negatives": ("FalseNegatives", '"thresholds": 0.5'),
}


def eval_config(gates: GateSettings) -> tfma.EvalConfig:
    """Measures on the test split, overall and by pair kind, with floors and bounds on the change.

    Floors and bounds hold for the whole split alone (``MetricConfig.threshold`` would hold for every slice, and a
    slice of genuine pairs has no precision to speak of). The change bound is absolute: candidate - baseline >=
    -max_drop; where nothing serves yet, TFMA leaves it out.
    """
    metrics = [
        config_pb2.MetricConfig(
            class_name=class_name,
            config=f'{{"name": "{name}"{", " + settings if settings else ""}}}',
            per_slice_thresholds=_thresholds(gates, name),
        )
        for name, (class_name, settings) in (TFMA_METRICS | COUNTS).items()
    ]
    metrics.append(config_pb2.MetricConfig(class_name="ExampleCount"))
    served = {"signature_name": "serving_default", "label_key": features.SAME, "prediction_key": "score"}
    return tfma.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(name="candidate", model_type="tf_generic", **served),
            config_pb2.ModelSpec(name="baseline", is_baseline=True, model_type="tf_generic", **served),
        ],
        slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=[features.KIND])],
        metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)],
    )


def _thresholds(gates: GateSettings, name: str) -> list[config_pb2.PerSliceMetricThreshold]:
    threshold = config_pb2.MetricThreshold()
    if name in gates.floors:
        threshold.value_threshold.lower_bound.value = gates.floors[name]
    if name in gates.max_drop:
        threshold.change_threshold.direction = config_pb2.MetricDirection.HIGHER_IS_BETTER
        threshold.change_threshold.absolute.value = -gates.max_drop[name]
    if name not in gates.floors and name not in gates.max_drop:
        return []
    whole = config_pb2.SlicingSpec()
    return [config_pb2.PerSliceMetricThreshold(slicing_specs=[whole], threshold=threshold)]
