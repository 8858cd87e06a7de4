import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from models.measures import equal_error_rate, tar_at_far, verification_measures

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 30)), min_size=3, max_size=60).filter(
    lambda rows: len({same for same, _ in rows}) == 2
)


@given(ROWS)
def test_measures_agree_with_scikit_learn(rows):
    same, distance = (np.array(column) for column in zip(*rows, strict=True))
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
    far, tar, _ = metrics.roc_curve(same, -distance, drop_intermediate=False)
    assert got["tar_at_far_0.1"] == pytest.approx(tar[far <= 0.1].max())


def test_equal_error_rate_by_hand():
    # At a threshold of 3.5 one genuine of four is rejected and one impostor of four accepted.
    same = np.array([1, 1, 1, 0, 1, 0, 0, 0], bool)
    assert equal_error_rate(same, np.arange(8.0)) == pytest.approx(0.25)


def test_perfect_and_reversed_verifiers():
    same = np.array([1, 1, 0, 0], bool)
    assert equal_error_rate(same, np.array([0.0, 1, 2, 3])) == 0
    assert tar_at_far(same, np.array([0.0, 1, 2, 3]), 0.001) == 1
    assert equal_error_rate(same, np.array([3.0, 2, 1, 0])) == 1
    assert tar_at_far(same, np.array([3.0, 2, 1, 0]), 0.1) == 0
