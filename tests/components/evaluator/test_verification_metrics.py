"""Against scikit-learn: through the CombineFn directly, and through TFMA with a model that returns its inputs."""

import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from answering_model import evaluate, example
from sklearn import metrics as reference
from tensorflow_model_analysis.metrics import metric_specs, metric_types
from tensorflow_model_analysis.proto import config_pb2

from components.evaluator import metrics
from components.evaluator.metrics import PackedPairs, PackPairs

NAMES = (
    "accuracy", "precision", "recall", "f1", "true_positives", "false_negatives",
    "auc", "average_precision", "eer", "calibration_error", "precision_at_prior", "tar_at_far_0.1", "tar_at_far_0.01",
)  # fmt: skip
CONFIGS = [
    *(
        config_pb2.MetricConfig(module=metrics.MODULE, class_name="VerificationMetric", config=f'{{"name": "{name}"}}')
        for name in NAMES
    ),
    config_pb2.MetricConfig(class_name="BinaryAccuracy", config='{"name": "tfma_accuracy", "threshold": 0.5}'),
    config_pb2.MetricConfig(class_name="F1Score", config='{"name": "tfma_f1", "thresholds": 0.5}'),
]
TARS = ("tar_at_far_0.1", "tar_at_far_0.01")
SLICES = np.array(["many", "genuine", "impostors", "one"])


def pairs(count=400, seed=0):
    """(same, score, distance, slice): distances with ties, scores that saturate, slices of one kind."""
    rng = np.random.default_rng(seed)
    slices = SLICES[np.minimum(np.arange(count) // 40, 3)] if count > 1 else SLICES[3:]
    slices = np.where(np.arange(count) >= 121, "many", slices)
    same = rng.random(count) < 0.4
    same = np.where(slices == "genuine", True, np.where(slices == "impostors", False, same))
    distance = np.round(np.where(same, 0.7, 1.0) + rng.normal(0, 0.2, count), 2).astype(np.float32)
    score = (1 / (1 + np.exp(-60 * (0.85 - distance)))).astype(np.float32)
    return same, score, distance, slices


def expected(same, score, distance):
    """By scikit-learn, or by the definition."""
    if same.all() or not same.any():
        return dict.fromkeys(("auc", "average_precision", "eer", "precision_at_prior", *TARS), np.nan)
    far, tar, _ = reference.roc_curve(same, -distance, drop_intermediate=False)
    fine = np.linspace(0, 1, 2_000_001)
    eer = fine[np.argmin(np.abs(fine - (1 - np.interp(fine, far, tar))))]
    tpr, fpr = (score[same] > 0.5).mean(), (score[~same] > 0.5).mean()
    return {
        "auc": reference.roc_auc_score(same, -distance),
        "average_precision": reference.average_precision_score(same, -distance),
        "eer": pytest.approx(eer, abs=2e-6),
        "precision_at_prior": 0.01 * tpr / (0.01 * tpr + 0.99 * fpr),
        "tar_at_far_0.1": tar[far <= 0.1].max(),
        "tar_at_far_0.01": tar[far <= 0.01].max(),
    }


def check(found, same, score, distance):
    wanted = expected(same, score, distance)
    assert {name: found[name] for name in wanted} == {
        name: value if name == "eer" and same.any() and not same.all() else pytest.approx(value, abs=1e-9, nan_ok=True)
        for name, value in wanted.items()
    }
    called = score > 0.5
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(same, called), abs=1e-12)
    assert found["true_positives"] == (same & called).sum()
    assert found["false_negatives"] == (same & ~called).sum()
    if called.any() and same.any():
        assert found["precision"] == pytest.approx(reference.precision_score(same, called), abs=1e-12)
        assert found["recall"] == pytest.approx(reference.recall_score(same, called), abs=1e-12)
        assert found["f1"] == pytest.approx(reference.f1_score(same, called), abs=1e-12)
    share, mean = reference_bins(same, score.astype(np.float64))
    assert found["calibration_error"] == pytest.approx(np.abs(share - mean).sum() / len(same), abs=1e-9)


def reference_bins(same, score, bins=15):
    edges = np.linspace(0, 1, bins + 1)
    return tuple(np.histogram(score, edges, weights=weights)[0] for weights in (same.astype(float), score))


def combined(parts):
    """The metrics of pairs that were collected in parts and merged."""
    computations = [
        c for config in CONFIGS if config.module for c in metric_specs.metric_instance(config).computations()
    ]
    (pack,) = {c for c in computations if isinstance(c, metric_types.MetricComputation)}  # computed once for all
    combiner = pack.combiner
    gathered = []
    for same, score, distance in parts:
        accumulator = combiner.create_accumulator()
        for row in zip(same, score, distance, strict=True):
            accumulator = combiner.add_input(accumulator, inputs(*row))
        gathered.append(accumulator)
    found = combiner.extract_output(combiner.merge_accumulators(gathered))
    for computation in computations:
        if isinstance(computation, metric_types.DerivedMetricComputation):
            found.update(computation.result(found))
    return {key.name: value for key, value in found.items()}


def inputs(same, score, distance):
    return metric_types.StandardMetricInputs(
        labels=np.array([int(same)]),
        predictions={"score": np.array([score]), "distance": np.array([distance])},
        example_weights=np.array([1.0]),
    )


@pytest.mark.parametrize("cuts", [(), (1,), (0, 150, 399)])
def test_the_metrics_of_merged_pairs_agree_with_scikit_learn(cuts):
    same, score, distance, _ = pairs()
    parts = zip(*(np.split(column, cuts) for column in (same, score, distance)), strict=True)
    check(combined(parts), same, score, distance)


def test_without_pairs_no_metric_has_a_value():
    found = combined([tuple(column[:0] for column in pairs()[:3])])
    del found["_scored_pairs"]
    assert found.pop("true_positives") == found.pop("false_negatives") == 0
    assert all(np.isnan(value) for value in found.values())


def test_a_model_without_distances_is_ranked_by_its_score():
    accumulator = PackPairs(metric_types.MetricKey("_"), None)
    found = accumulator.add_input(
        PackedPairs(),
        metric_types.StandardMetricInputs(
            labels=np.array([1]), predictions=np.array([0.75]), example_weights=np.array([1.0])
        ),
    )
    assert found.distance == [-0.75]


def test_a_pair_takes_13_bytes():
    packed = PackedPairs()
    for _ in range(10):
        packed.append(True, 0.5, 0.5, 1.0)
    assert sum(column.itemsize for column in vars(packed).values()) == 13
    assert len(packed) == 10


def test_our_metric_has_no_name_of_tfmas_own():
    """TFMA looks a class up among its own first, whatever the module."""
    ours = {name for name, value in vars(metrics).items() if isinstance(value, type)}
    assert not ours & metric_types.registered_metrics().keys()


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """Slice -> model -> metric -> value, by TFMA, of a candidate and an equal baseline."""
    examples = [
        example(same=int(same), score=float(score), distance=float(distance), slice=str(name))
        for same, score, distance, name in zip(*pairs(), strict=True)
    ]
    served = {"signature_name": "serving_default", "label_key": "same", "prediction_key": "score"}
    config = config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(name="candidate", model_type="tf_generic", **served),
            config_pb2.ModelSpec(name="baseline", is_baseline=True, model_type="tf_generic", **served),
        ],
        slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=["slice"])],
        metrics_specs=[config_pb2.MetricsSpec(metrics=CONFIGS)],
    )
    out = evaluate(tmp_path_factory.mktemp("tfma"), examples, config, baseline=True)
    found = {}
    for record in tfma.load_metrics(out):
        name = "".join(key.bytes_value.decode() for key in record.slice_key.single_slice_keys)
        for measure in record.metric_keys_and_values:
            if not measure.key.is_diff:
                of_model = found.setdefault(name, {}).setdefault(measure.key.model_name, {})
                of_model[measure.key.name] = measure.value.double_value.value
    return found


def test_tfma_agrees_with_scikit_learn_overall_and_in_each_slice(evaluated):
    same, score, distance, slices = pairs()
    assert set(evaluated) == {"", *SLICES}
    for name, models in evaluated.items():
        mask = slices == name if name else np.ones(len(same), bool)
        assert set(models) == {"candidate", "baseline"}
        for found in models.values():
            check(found, same[mask], score[mask], distance[mask])


def test_the_verdicts_are_counted_as_tfma_counts_them(evaluated):
    for models in evaluated.values():
        for found in models.values():
            for name in ("accuracy", "f1"):
                assert found[name] == pytest.approx(found[f"tfma_{name}"], abs=1e-6, nan_ok=True)


def test_tfma_writes_no_pairs(evaluated):
    for models in evaluated.values():
        assert not any(name.startswith("_") for found in models.values() for name in found)
