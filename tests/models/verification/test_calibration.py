import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.settings import CalibrationSettings
from models.verification.calibration import Calibration, best_accuracy, calibrate


def pairs():
    return st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=4, max_size=40).filter(
        lambda rows: len({same for same, _ in rows}) == 2 and len({d for _, d in rows}) > 1
    )


def unzip(rows):
    same, distance = zip(*rows, strict=True)
    return np.array(same), np.array(distance, float) / 4


@given(pairs())
def test_the_threshold_is_the_best_there_is_and_lies_between_two_distances(rows):
    same, distance = unzip(rows)
    threshold = calibrate(same, distance).threshold
    assert threshold not in distance
    assert distance.min() < threshold < distance.max()
    middles = [(a + b) / 2 for a, b in zip(np.unique(distance), np.unique(distance)[1:], strict=False)]
    best = max(((distance < middle) == same).mean() for middle in middles)
    assert ((distance < threshold) == same).mean() == pytest.approx(best)
    assert best_accuracy(same, distance) == pytest.approx(best)


@given(pairs())
def test_the_score_exceeds_one_half_exactly_below_the_threshold_and_falls_with_distance(rows):
    same, distance = unzip(rows)
    calibration = calibrate(same, distance)
    score = calibration.score(distance)
    assert calibration.slope > 0
    np.testing.assert_array_equal(score > 0.5, distance < calibration.threshold)
    assert (np.diff(score[np.argsort(distance)]) <= 0).all()


def test_scores_are_calibrated_on_overlapping_pairs():
    random = np.random.default_rng(0)
    distance = random.uniform(0, 2, 20_000)
    same = random.uniform(size=20_000) < Calibration(1.0, 4.0).score(distance)
    fitted = calibrate(same.astype(int), distance)
    assert fitted.threshold == pytest.approx(1.0, abs=0.1)
    assert fitted.slope == pytest.approx(4.0, rel=0.1)


def test_separable_pairs_keep_a_finite_slope():
    assert np.isfinite(calibrate(np.array([1, 1, 0, 0]), np.array([0.1, 0.2, 1.0, 1.1])).slope)


@pytest.mark.parametrize(
    ("same", "distance", "message"),
    [
        ([1, 0], [np.nan, 1.0], "not a finite number"),
        ([1, 1], [0.1, 0.2], "of one kind"),
        ([1, 0], [0.5, 0.5], "collapsed"),
    ],
)
def test_pairs_that_cannot_be_calibrated_are_an_error(same, distance, message):
    with pytest.raises(ValueError, match=message):
        calibrate(np.array(same), np.array(distance))


def test_the_calibration_has_the_metrics_of_its_threshold():
    wanted = CalibrationSettings(objective="target_far", value=0.5)
    found = calibrate(np.array([1, 0, 1, 0]), np.array([0.1, 0.2, 0.4, 0.8]), wanted)
    assert found.threshold == pytest.approx(0.6)
    assert found.reached["far"] == 0.5
    assert found.reached["recall"] == 1.0
    np.testing.assert_array_equal(found.score(np.array([0.59, 0.61])) > 0.5, [True, False])
