"""The vectorised measures are those of ``models.verification.metrics``, whatever the weights."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.model_gate.bootstrap_metrics import ResampledPairs
from components.model_gate.settings import MeasureSettings
from models.verification.calibration import Calibration
from models.verification.metrics import verification_measures

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
def test_every_measure_is_the_one_that_the_product_reports(table):
    same, distance, slope, weights = table
    score = Calibration(0.6, slope).score(distance)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ResampledPairs(same, score, distance, SETTINGS).measure(SETTINGS.names, weights)
    assert set(found) == set(SETTINGS.names)
    for row, weight in enumerate(weights):
        expected = verification_measures(
            same, distance, 0.6, score, fars=SETTINGS.fars, genuine_prior=SETTINGS.genuine_prior, weights=weight
        )
        for name, values in found.items():
            assert values.shape == (len(weights),)
            assert values[row] == pytest.approx(expected[name], abs=1e-12, nan_ok=True), name


def test_a_kind_without_weight_has_no_curve():
    same, distance = np.array([True, True, False]), np.array([0.1, 0.7, 0.9])
    pairs = ResampledPairs(same, 1 - distance, distance, SETTINGS)
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
        without_score = ResampledPairs(same, np.array([bad, 0.2]), distance, SETTINGS).measure(SETTINGS.names, once)
        without_distance = ResampledPairs(same, np.array([0.8, 0.2]), np.array([0.1, bad]), SETTINGS)
        without_distance = without_distance.measure(SETTINGS.names, once)
    of_scores = {"accuracy", "precision", "recall", "f1", "precision_at_prior", "calibration_error"}
    assert {name for name, value in without_score.items() if np.isnan(value).all()} == of_scores
    assert {name for name, value in without_distance.items() if np.isfinite(value).all()} == of_scores


def test_an_unknown_measure_is_an_error():
    pairs = ResampledPairs(np.array([True]), np.array([0.5]), np.array([0.5]), SETTINGS)
    with pytest.raises(KeyError):
        pairs.measure(["acuracy"], np.ones((1, 1)))
