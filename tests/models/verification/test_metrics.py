import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from components.model_gate.settings import MeasureSettings
from models.verification.calibration import Calibration
from models.verification.metrics import (
    area_under_curve,
    average_precision,
    calibration_error,
    equal_error_rate,
    precision_at_prior,
    tar_at_far,
    verification_measures,
)

# Whether genuine, a distance with many ties, a weight.
ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.integers(1, 4)), min_size=3, max_size=60).filter(
    lambda rows: len({same for same, *_ in rows}) == 2
)
GENUINE, IMPOSTOR = np.ones(4, bool), np.zeros(4, bool)


@given(ROWS)
def test_measures_agree_with_scikit_learn(rows):
    same, distance, _ = (np.array(column) for column in zip(*rows, strict=True))
    called = distance < 15.5
    got = verification_measures(same.astype(int), distance.astype(float), 15.5)
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
    weighted = verification_measures(same, distance, 15.5, score, weights=weights)
    again = (np.repeat(column, weights) for column in (same, distance, score))
    repeated_same, repeated_distance, repeated_score = again
    repeated = verification_measures(repeated_same, repeated_distance, 15.5, repeated_score)
    assert weighted == pytest.approx(repeated, abs=1e-12, nan_ok=True)
    assert weighted["average_precision"] == pytest.approx(
        metrics.average_precision_score(same, -distance, sample_weight=weights), abs=1e-12
    )


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=60), st.integers(1, 20))
def test_the_calibration_error_is_that_of_a_plain_loop(rows, bins):
    total = 0.0
    for number in range(bins):
        last = number == bins - 1
        inside = [(s, p) for s, p in rows if number <= p * bins < number + 1 or (last and p * bins >= bins)]
        if inside:
            share, mean = np.mean([s for s, _ in inside]), np.mean([p for _, p in inside])
            total += len(inside) / len(rows) * abs(share - mean)
    same, score = (np.array(column) for column in zip(*rows, strict=True))
    assert calibration_error(same, score, bins) == pytest.approx(total, abs=1e-9)


def test_calibrated_scores_have_a_small_error_and_sure_ones_a_great_one():
    rng = np.random.default_rng(0)
    score = rng.random(50_000)
    same = rng.random(50_000) < score
    assert calibration_error(same, score) < 0.01
    assert calibration_error(same, (score > 0.5).astype(float)) == pytest.approx(0.25, abs=0.01)


def test_equal_error_rate_by_hand():
    # At a threshold of 3.5 one genuine of four is rejected and one impostor of four accepted.
    same = np.array([1, 1, 1, 0, 1, 0, 0, 0], bool)
    assert equal_error_rate(same, np.arange(8.0)) == pytest.approx(0.25)


def test_precision_at_a_prior_by_hand():
    same = np.array([True] * 10 + [False] * 10)
    called = np.array([True] * 9 + [False] + [True] * 2 + [False] * 8)
    assert precision_at_prior(same, called, 0.5) == pytest.approx(9 / 11)  # that of the balanced pairs
    assert precision_at_prior(same, called, 0.01) == pytest.approx(0.009 / (0.009 + 0.99 * 0.2))
    assert np.isnan(precision_at_prior(same, np.zeros(20, bool), 0.01)), "nothing is called the same"


def test_perfect_and_reversed_verifiers():
    same = np.array([1, 1, 0, 0], bool)
    assert equal_error_rate(same, np.array([0.0, 1, 2, 3])) == 0
    assert tar_at_far(same, np.array([0.0, 1, 2, 3]), 0.001) == 1
    assert equal_error_rate(same, np.array([3.0, 2, 1, 0])) == 1
    assert tar_at_far(same, np.array([3.0, 2, 1, 0]), 0.1) == 0


def test_scores_saturate_where_distances_do_not():
    """Why what ranks pairs is made of the distance."""
    distance = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    score = Calibration(2.0, 100.0).score(distance).astype(np.float32)
    same = np.array([True, True, False, False])
    assert set(score) == {1.0}
    assert area_under_curve(same, distance) == 1
    assert area_under_curve(same, -score) == 0.5


@pytest.mark.parametrize("measure", [area_under_curve, average_precision, equal_error_rate])
@pytest.mark.parametrize("same", [GENUINE, IMPOSTOR, np.zeros(0, bool)], ids=["genuine", "impostors", "none"])
def test_one_kind_of_pair_alone_has_no_trade_off(measure, same):
    assert np.isnan(measure(same, np.arange(float(len(same)))))
    assert np.isnan(tar_at_far(same, np.arange(float(len(same))), 0.1))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_never_measured_as_good(bad):
    same, distance = np.array([1, 1, 0, 0], bool), np.array([0.0, 1, bad, 3])
    for measure in (area_under_curve, average_precision, equal_error_rate):
        assert np.isnan(measure(same, distance))
    assert np.isnan(tar_at_far(same, distance, 0.1))
    assert np.isnan(calibration_error(same, np.array([0.0, 1, bad, 1])))


def test_every_name_of_the_configuration_is_measured():
    settings = MeasureSettings(fars=(0.05, 1e-4))
    same, distance = np.array([1, 0]), np.array([0.0, 1.0])
    got = verification_measures(same, distance, 0.5, 1 - distance, fars=settings.fars)
    assert set(got) == set(settings.names)
