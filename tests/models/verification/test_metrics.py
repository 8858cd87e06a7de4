import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from components.gates.model_gate.settings import GateSettings, MeasureSettings
from models.verification.calibration import Calibration
from models.verification.metrics import METRICS, MetricDefinition, PairMetrics, metric_value, verification_metrics
from models.verification.rates import Confusion

# Whether genuine, a distance with many ties, a weight.
ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.integers(1, 4)), min_size=3, max_size=60).filter(
    lambda rows: len({same for same, *_ in rows}) == 2
)
GENUINE, IMPOSTOR = np.ones(4, bool), np.zeros(4, bool)


@given(ROWS)
def test_measures_agree_with_scikit_learn(rows):
    same, distance, _ = (np.array(column) for column in zip(*rows, strict=True))
    called = distance < 15.5
    got = verification_metrics(same.astype(int), distance.astype(float), 15.5)
    assert got["accuracy"] == pytest.approx(metrics.accuracy_score(same, called))
    assert got["f1"] == pytest.approx(metrics.f1_score(same, called, zero_division=0))
    assert got["recall"] == pytest.approx(metrics.recall_score(same, called))
    if called.any():
        assert got["precision"] == pytest.approx(metrics.precision_score(same, called))
    else:
        assert np.isnan(got["precision"])
    assert got["auc"] == pytest.approx(metrics.roc_auc_score(same, -distance))
    assert got["average_precision"] == pytest.approx(metrics.average_precision_score(same, -distance), abs=1e-12)
    far, tar, _ = metrics.roc_curve(same, -distance, drop_intermediate=False)
    assert got["tar_at_far_0.1"] == pytest.approx(tar[far <= 0.1].max())
    assert got["tar_at_far"] == got["tar_at_far_0.01"]
    assert got["eer"] == pytest.approx(crossing(far, tar), abs=1e-12)


def crossing(far, tar):
    """Where the line between two points of the ROC curve meets FAR = 1 - TAR."""
    for n in range(1, len(far)):
        before, after = far[n - 1] - (1 - tar[n - 1]), far[n] - (1 - tar[n])
        if before < 0 <= after:
            return far[n - 1] + (far[n] - far[n - 1]) * -before / (after - before)
    raise AssertionError("the curve ends at FAR = TAR = 1")


@given(ROWS)
def test_a_weight_counts_a_pair_so_many_times(rows):
    same, distance, weights = (np.array(column) for column in zip(*rows, strict=True))
    score = Calibration(15.5, 0.3).score(distance)
    weighted = verification_metrics(same, distance, 15.5, score, weights=weights)
    again = (np.repeat(column, weights) for column in (same, distance, score))
    repeated_same, repeated_distance, repeated_score = again
    repeated = verification_metrics(repeated_same, repeated_distance, 15.5, repeated_score)
    assert weighted == pytest.approx(repeated, abs=1e-12, nan_ok=True)
    assert weighted["average_precision"] == pytest.approx(
        metrics.average_precision_score(same, -distance, sample_weight=weights), abs=1e-12
    )


def calibration_error(same, score):
    return PairMetrics(same, score, 1 - score).values(["calibration_error"])["calibration_error"]


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=60))
def test_the_calibration_error_is_that_of_a_plain_loop(rows):
    total, bins = 0.0, 15
    for number in range(bins):
        last = number == bins - 1
        inside = [(s, p) for s, p in rows if number <= p * bins < number + 1 or (last and p * bins >= bins)]
        if inside:
            share, mean = np.mean([s for s, _ in inside]), np.mean([p for _, p in inside])
            total += len(inside) / len(rows) * abs(share - mean)
    same, score = (np.array(column) for column in zip(*rows, strict=True))
    assert calibration_error(same, score) == pytest.approx(total, abs=1e-9)


def test_calibrated_scores_have_a_small_error_and_sure_ones_a_great_one():
    rng = np.random.default_rng(0)
    score = rng.random(50_000)
    same = rng.random(50_000) < score
    assert calibration_error(same, score) < 0.01
    assert calibration_error(same, (score > 0.5).astype(float)) == pytest.approx(0.25, abs=0.01)


def test_equal_error_rate_by_hand():
    # At a threshold of 3.5 one genuine of four is rejected and one impostor of four accepted.
    same = np.array([1, 1, 1, 0, 1, 0, 0, 0], bool)
    assert metric_value("eer", same, np.arange(8.0)) == pytest.approx(0.25)


def test_precision_at_a_prior_by_hand():
    rates = Confusion(np.array([9, 0]), np.array([2, 0]), 10, 10)  # nothing is called the same in the second
    np.testing.assert_allclose(rates.precision_at(0.5), [9 / 11, np.nan])  # that of the balanced pairs
    np.testing.assert_allclose(rates.precision_at(0.01), [0.009 / (0.009 + 0.99 * 0.2), np.nan])


def test_perfect_and_reversed_verifiers():
    same = np.array([1, 1, 0, 0], bool)
    assert metric_value("eer", same, np.array([0.0, 1, 2, 3])) == 0
    assert metric_value("tar_at_far_0.001", same, np.array([0.0, 1, 2, 3])) == 1
    assert metric_value("eer", same, np.array([3.0, 2, 1, 0])) == 1
    assert metric_value("tar_at_far_0.1", same, np.array([3.0, 2, 1, 0])) == 0


def test_scores_saturate_where_distances_do_not():
    """Why what ranks pairs is made of the distance."""
    distance = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    score = Calibration(2.0, 100.0).score(distance).astype(np.float32)
    same = np.array([True, True, False, False])
    assert set(score) == {1.0}
    assert metric_value("auc", same, distance) == 1
    assert metric_value("auc", same, -score) == 0.5


RANKING = ["auc", "average_precision", "eer", "tar_at_far_0.1"]


@pytest.mark.parametrize("name", RANKING)
@pytest.mark.parametrize("same", [GENUINE, IMPOSTOR, np.zeros(0, bool)], ids=["genuine", "impostors", "none"])
def test_one_kind_of_pair_alone_has_no_trade_off(name, same):
    assert np.isnan(metric_value(name, same, np.arange(float(len(same)))))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_never_measured_as_good(bad):
    same, distance = np.array([1, 1, 0, 0], bool), np.array([0.0, 1, bad, 3])
    for name in RANKING:
        assert np.isnan(metric_value(name, same, distance))
    assert np.isnan(calibration_error(same, np.array([0.0, 1, bad, 1])))


def test_every_name_of_the_configuration_is_measured():
    settings = MeasureSettings(fars=(0.05, 1e-4))
    same, distance = np.array([1, 0]), np.array([0.0, 1.0])
    got = verification_metrics(same, distance, 0.5, 1 - distance, fars=settings.fars)
    assert list(got) == list(settings.names)


def test_a_metric_is_one_entry_of_the_table(monkeypatch):
    """Its value, its direction and its name in gates follow from the entry."""
    error = MetricDefinition(lambda pairs: 1 - pairs.confusion.accuracy, higher_is_better=False)
    monkeypatch.setitem(METRICS, "error_rate", error)
    same, distance = np.array([1, 0, 0, 0]), np.array([0.0, 0.2, 1.0, 2.0])
    assert verification_metrics(same, distance, 0.5)["error_rate"] == 0.25
    assert "error_rate" in MeasureSettings().names
    gates = GateSettings(ceilings={"error_rate": 0.1})
    gates.check_names(MeasureSettings().names)
    with pytest.raises(ValueError, match="belongs under ceilings"):
        GateSettings(floors={"error_rate": 0.1}).check_names(MeasureSettings().names)


# Many weightings at once, as the bootstrap has them.
SETTINGS = MeasureSettings(fars=(0.1, 0.3, 0.001), genuine_prior=0.05)


@st.composite
def tables(draw):
    """Small tables with many ties, calibrated so steeply that scores saturate or not at all, and resamples of them."""
    n = draw(st.integers(1, 12))
    same = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    distance = draw(st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, 1.75]), min_size=n, max_size=n))
    slope = draw(st.sampled_from([0.1, 4.0, 1e4]))
    row = st.lists(st.integers(0, 3), min_size=n, max_size=n)
    weights = draw(st.lists(row, min_size=1, max_size=4))
    return np.array(same), np.array(distance), slope, np.array(weights, float)


@given(tables())
def test_many_weightings_at_once_are_each_one_alone(table):
    same, distance, slope, weights = table
    score = Calibration(0.6, slope).score(distance)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = PairMetrics(same, score, distance, SETTINGS).measure(SETTINGS.names, weights)
    assert set(found) == set(SETTINGS.names)
    for row, weight in enumerate(weights):
        expected = verification_metrics(
            same, distance, 0.6, score, fars=SETTINGS.fars, genuine_prior=SETTINGS.genuine_prior, weights=weight
        )
        for name, values in found.items():
            assert values.shape == (len(weights),)
            assert values[row] == pytest.approx(expected[name], abs=1e-12, nan_ok=True), name


def test_a_kind_without_weight_has_no_curve():
    same, distance = np.array([True, True, False]), np.array([0.1, 0.7, 0.9])
    pairs = PairMetrics(same, 1 - distance, distance, SETTINGS)
    found = pairs.measure(
        ["auc", "eer", "accuracy", "recall"], np.array([[1.0, 1, 0], [0, 0, 1], [0, 0, 0], [1, 1, 1]])
    )
    assert np.isnan(found["auc"]).tolist() == np.isnan(found["eer"]).tolist() == [True, True, True, False]
    np.testing.assert_allclose(found["accuracy"], [0.5, 1, np.nan, 2 / 3])
    np.testing.assert_allclose(found["recall"], [0.5, np.nan, np.nan, 0.5])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_not_measured(bad):
    same, distance = np.array([True, False]), np.array([0.1, 0.9])
    once = np.ones((1, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        without_score = PairMetrics(same, np.array([bad, 0.2]), distance, SETTINGS).measure(SETTINGS.names, once)
        without_distance = PairMetrics(same, np.array([0.8, 0.2]), np.array([0.1, bad]), SETTINGS)
        without_distance = without_distance.measure(SETTINGS.names, once)
    of_scores = {"accuracy", "precision", "recall", "f1", "precision_at_prior", "calibration_error"}
    assert {name for name, value in without_score.items() if np.isnan(value).all()} == of_scores
    assert {name for name, value in without_distance.items() if np.isfinite(value).all()} == of_scores


def test_an_unknown_metric_is_an_error():
    pairs = PairMetrics(np.array([True]), np.array([0.5]), np.array([0.5]), SETTINGS)
    with pytest.raises(KeyError):
        pairs.measure(["acuracy"], np.ones((1, 1)))
