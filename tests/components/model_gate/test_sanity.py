"""Models that are no verifiers, and odd ones that are."""

import numpy as np
import pytest

from components.model_gate import sanity
from models.verification.calibration import Calibration, calibrate

RNG = np.random.default_rng(0)
SAME = np.repeat([True, False], 200)
DISTANCE = np.where(SAME, 0.4, 0.9) + RNG.normal(0, 0.15, 400)
SCORE = Calibration(0.65, 8.0).score(DISTANCE)


def spoiled(values, bad):
    values = values.copy()
    values[[7, 9]] = bad
    return values


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_score_or_distance_that_is_no_number_is_refused(bad):
    for score, distance in ((spoiled(SCORE, bad), DISTANCE), (SCORE, spoiled(DISTANCE, bad))):
        result = sanity.finite(score, distance)
        assert not result.passed
        assert "2 of 400 test pairs" in result.reason
    assert sanity.finite(SCORE, DISTANCE).passed


@pytest.mark.parametrize("bad", [-0.1, 1.2])
def test_a_score_outside_0_to_1_is_refused(bad):
    result = sanity.finite(spoiled(SCORE, bad), DISTANCE)
    assert not result.passed
    assert f"2 scores are outside 0 to 1, e.g. {bad:.4f}" in result.reason


def test_polarity():
    assert sanity.polarity(SAME, SCORE, DISTANCE).passed
    flipped = sanity.polarity(~SAME, SCORE, DISTANCE)
    assert not flipped.passed and "genuine pairs do not score higher than impostors (AUC 0.0" in flipped.reason
    turned = sanity.polarity(SAME, 1 - SCORE, DISTANCE)
    assert not turned.passed and turned.reason == "the score does not fall as the distance grows"
    chance = sanity.polarity(np.tile([True, False], 200), np.repeat(SCORE[:200], 2), np.repeat(DISTANCE[:200], 2))
    assert not chance.passed and "AUC 0.5000" in chance.reason


def test_scores_that_saturate_as_float32_keep_their_polarity():
    steep = Calibration(0.65, 500.0).score(DISTANCE).astype(np.float32).astype(np.float64)
    assert len(np.unique(steep)) < len(steep)
    assert sanity.polarity(SAME, steep, DISTANCE).passed


@pytest.mark.parametrize(("same", "kind"), [(np.ones(5, bool), "genuine"), (np.zeros(5, bool), "impostors")])
def test_pairs_of_one_kind_show_no_polarity(same, kind):
    result = sanity.polarity(same, SCORE[:5], DISTANCE[:5])
    assert not result.passed
    assert f"all test pairs are {kind}" in result.reason


@pytest.mark.parametrize("scale", [1e-5, 1e-2, 1.0, 1e3])
def test_an_encoder_of_any_scale_has_not_collapsed(scale):
    distance = DISTANCE * scale
    assert sanity.collapse(calibrate(SAME, distance).score(distance), distance).passed


@pytest.mark.parametrize("level", [1e-6, 1.0, 300.0])
def test_a_collapsed_encoder_is_refused(level):
    noise = level * (1 + 1e-6 * RNG.normal(size=400))  # as float32 rounds
    for distance in (np.full(400, level), noise):
        result = sanity.collapse(SCORE, distance)
        assert not result.passed
        assert result.reason.startswith("the distances of 98 in 100 test pairs lie between")


def test_a_few_odd_pairs_do_not_hide_a_collapse():
    assert not sanity.collapse(SCORE, np.where(np.arange(400) < 3, 2.0, 1.0)).passed


def test_scores_that_are_all_the_same_are_a_collapse_too():
    result = sanity.collapse(np.full(400, 0.5), DISTANCE)
    assert not result.passed
    assert "the scores of 98 in 100" in result.reason


def test_a_perfect_verifier_has_not_collapsed():
    perfect = np.where(SAME, 0.0, 1.4)
    assert sanity.collapse(SAME.astype(float), perfect).passed
    assert sanity.polarity(SAME, SAME.astype(float), perfect).passed
