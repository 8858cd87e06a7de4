import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from components.model_gate.settings import GateSettings
from models import features
from pipeline.evaluation import TFMA_METRICS, eval_config


def metrics_of(**gates) -> dict[str, config_pb2.MetricConfig]:
    (spec,) = eval_config(GateSettings(**gates)).metrics_specs
    return {metric.config.partition('"name": "')[2].partition('"')[0]: metric for metric in spec.metrics}


def test_every_metric_that_a_gate_may_name_is_measured_at_the_score_of_one_half():
    metrics = metrics_of()
    assert set(TFMA_METRICS) <= metrics.keys()
    for name in ("accuracy", "precision", "recall", "f1"):
        assert ": 0.5" in metrics[name].config, name


def test_thresholds_hold_for_the_whole_split_alone():
    for metric in metrics_of(floors={"accuracy": 0.8, "auc": 0.9}, max_drop={"f1": 0.1}).values():
        assert not metric.HasField("threshold")  # which would hold for every slice
        for threshold in metric.per_slice_thresholds:
            assert list(threshold.slicing_specs) == [config_pb2.SlicingSpec()]


def test_a_floor_is_a_lower_bound_where_one_is_set():
    metrics = metrics_of(floors={"precision": 0.75}, max_drop={})
    (threshold,) = metrics["precision"].per_slice_thresholds
    assert threshold.threshold.value_threshold.lower_bound.value == 0.75
    assert not threshold.threshold.HasField("change_threshold")
    assert not any(metric.per_slice_thresholds for name, metric in metrics.items() if name != "precision")


def test_the_bound_on_the_change_is_absolute():
    (threshold,) = metrics_of(floors={"auc": 0.5}, max_drop={"accuracy": 0.02})["accuracy"].per_slice_thresholds
    change = threshold.threshold.change_threshold
    assert change.absolute.value == -0.02
    assert not change.HasField("relative")
    assert change.direction == config_pb2.MetricDirection.HIGHER_IS_BETTER
    assert not threshold.threshold.HasField("value_threshold")


def test_a_drop_of_nothing_is_still_a_bound():
    (threshold,) = metrics_of(max_drop={"recall": 0.0})["recall"].per_slice_thresholds
    assert threshold.threshold.HasField("change_threshold")


def test_the_score_is_judged_against_same_overall_and_by_kind():
    config = eval_config(GateSettings())
    models = {spec.name: spec for spec in config.model_specs}
    assert [name for name, spec in models.items() if spec.is_baseline] == ["baseline"]
    for spec in models.values():
        assert (spec.prediction_key, spec.label_key, spec.signature_name) == ("score", "same", "serving_default")
    assert [list(spec.feature_keys) for spec in config.slicing_specs] == [[], [features.KIND]]


@pytest.mark.parametrize("baseline", [True, False])
def test_tfma_takes_it(baseline):
    config = eval_config(GateSettings(floors={"accuracy": 0.8, "precision": 0.8}, max_drop={"accuracy": 0.01}))
    tfma.utils.verify_eval_config(
        tfma.utils.update_eval_config_with_defaults(config, has_baseline=baseline, rubber_stamp=not baseline),
        baseline_required=baseline,
    )
