import json
import math

import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from answering_model import evaluate, example
from tensorflow_model_analysis.proto import config_pb2

from components.evaluator.results import by_slice, floors_gate
from components.gates.model_gate.settings import GateSettings, MeasureSettings
from models.data import features
from models.verification.metrics import in_reading_order, verification_metrics
from pipeline.evaluation import eval_config

MEASURES = MeasureSettings()


def metrics_of(measures=MEASURES, **gates) -> dict[str, config_pb2.MetricConfig]:
    (spec,) = eval_config(GateSettings(**gates), measures).metrics_specs
    return {json.loads(metric.config)["name"]: metric for metric in spec.metrics if metric.config}


def test_every_metric_that_a_gate_may_name_is_evaluated_with_the_configured_options():
    measures = MeasureSettings(fars=(0.05, 1e-4), genuine_prior=0.2)
    metrics = metrics_of(measures)
    assert set(measures.names) <= metrics.keys()
    for metric in metrics.values():
        options = json.loads(metric.config)
        assert (options["fars"], options["genuine_prior"]) == ([0.05, 1e-4], 0.2)


def test_thresholds_hold_for_the_whole_split_alone():
    for metric in metrics_of(floors={"accuracy": 0.8, "auc": 0.9}, ceilings={"eer": 0.1}).values():
        assert not metric.HasField("threshold")  # which would hold for every slice
        for threshold in metric.per_slice_thresholds:
            assert list(threshold.slicing_specs) == [config_pb2.SlicingSpec()]


def test_floors_and_ceilings_are_bounds_and_no_change_is_compared():
    metrics = metrics_of(floors={"precision": 0.75}, ceilings={"eer": 0.1}, max_drop={"accuracy": 0.01})
    (floor,), (ceiling,) = (metrics[name].per_slice_thresholds for name in ("precision", "eer"))
    assert floor.threshold.value_threshold.lower_bound.value == 0.75
    assert not floor.threshold.value_threshold.HasField("upper_bound")
    assert ceiling.threshold.value_threshold.upper_bound.value == 0.1
    assert not ceiling.threshold.value_threshold.HasField("lower_bound")
    assert not any(m.per_slice_thresholds for name, m in metrics.items() if name not in ("precision", "eer"))
    assert not any(t.threshold.HasField("change_threshold") for m in metrics.values() for t in m.per_slice_thresholds)


def test_the_score_is_evaluated_against_same_overall_and_by_slice():
    config = eval_config(GateSettings(), MEASURES)
    models = {spec.name: spec for spec in config.model_specs}
    assert [name for name, spec in models.items() if spec.is_baseline] == ["baseline"]
    for spec in models.values():
        assert (spec.prediction_key, spec.label_key, spec.signature_name) == ("score", "same", "serving_default")
    assert [list(spec.feature_keys) for spec in config.slicing_specs] == [
        [], [features.KIND], [features.GROUP], [features.IDENTITY_SIZE], [features.QUALITY],
    ]  # fmt: skip


def test_another_code_is_another_configuration():
    """The Evaluator's cache key is its configuration."""
    first, second = (eval_config(GateSettings(), MEASURES, digest) for digest in ("abc", "def"))
    assert first != second


def test_metrics_are_listed_in_the_order_in_which_people_read_them():
    found = ["true_positives", "tar_at_far_0.001", "eer", "tar_at_far_0.1", "auc", "example_count", "accuracy"]
    assert in_reading_order(found) == ["accuracy", "auc", "eer", "tar_at_far_0.1", "tar_at_far_0.001"]


@pytest.mark.parametrize("baseline", [True, False])
def test_tfma_takes_it(baseline):
    config = eval_config(GateSettings(floors={"accuracy": 0.8}, ceilings={"eer": 0.1}), MEASURES)
    tfma.utils.verify_eval_config(
        tfma.utils.update_eval_config_with_defaults(config, has_baseline=baseline, rubber_stamp=not baseline),
        baseline_required=baseline,
    )


def pairs(count=300):
    """(same, score, distance): what a middling model answers, its score saturated at both ends."""
    rng = np.random.default_rng(1)
    same = np.arange(count) % 2 == 0
    distance = (np.where(same, 0.8, 1.1) + rng.normal(0, 0.2, count)).astype(np.float32)
    return same, (1 / (1 + np.exp(-200 * (0.95 - distance.astype(np.float64))))).astype(np.float32), distance


def examples_of(same, score, distance, sliced=True):
    for number in range(len(same)):
        yield example(
            same=int(same[number]),
            score=float(score[number]),
            distance=float(distance[number]),
            kind="genuine" if same[number] else "impostor_random",
            quality=("good", "dark")[number % 3 == 0] if sliced else None,
            group="Greek" if sliced and number % 5 == 0 else None,
            identity_size="2-4" if sliced else None,
        )


def test_tfma_the_table_of_scores_and_the_command_line_agree(tmp_path):
    """One truth: the floor of TFMA is on the number that the bootstrap resamples."""
    same, score, distance = pairs()
    gates = GateSettings(floors={"auc": 0.99, "precision": 0.1}, ceilings={"eer": 0.01})
    out = evaluate(tmp_path, examples_of(same, score, distance), eval_config(gates, MEASURES, "abc"), baseline=True)
    expected = verification_metrics(same, distance, 0.95, score.astype(np.float64))
    for model in ("candidate", "baseline"):
        found = by_slice(out, model)
        assert {name: found[""][name] for name in MEASURES.names} == pytest.approx(
            {name: expected[name] for name in MEASURES.names}, abs=1e-6
        )
        assert set(found) == {
            "", "kind: genuine", "kind: impostor_random", "group: Greek", "identity_size: 2-4", "quality: good",
            "quality: dark",
        }  # fmt: skip
        dark = np.arange(len(same)) % 3 == 0
        of_dark = verification_metrics(same[dark], distance[dark], 0.95, score[dark].astype(np.float64))
        assert {name: found["quality: dark"][name] for name in MEASURES.names} == pytest.approx(
            {name: of_dark[name] for name in MEASURES.names}, abs=1e-6
        )
        assert math.isnan(found["kind: genuine"]["eer"])
    verdict = floors_gate(out)
    assert not verdict.passed
    assert f"eer {expected['eer']:.4f} is above the ceiling 0.01" in verdict.reason
    assert f"auc {expected['auc']:.4f} is below the floor 0.99" in verdict.reason
    assert "precision" not in verdict.reason


def test_pairs_without_slices_and_a_model_of_nothing_but_nan_are_refused_and_not_a_crash(tmp_path):
    """NaN is never "the same": half of such verdicts are right, and none is a verdict."""
    same, score, _ = pairs(40)
    nothing = np.full_like(score, np.nan)
    gates = GateSettings(floors={"accuracy": 0.3, "auc": 0.5}, ceilings={"calibration_error": 1})
    config = eval_config(gates, MEASURES)
    out = evaluate(tmp_path, examples_of(same, nothing, nothing, sliced=False), config, baseline=False)
    assert not tfma.load_validation_result(out).validation_ok
    assert set(by_slice(out, "candidate")) == {"", "kind: genuine", "kind: impostor_random"}
    reason = floors_gate(out).reason
    assert "accuracy could not be measured: it is not a number" in reason
    assert "auc could not be measured: it is not a number" in reason
    assert "calibration_error could not be measured" in reason
