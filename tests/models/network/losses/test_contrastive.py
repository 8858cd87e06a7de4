import numpy as np
import pytest

from models.data.features import FORGED
from models.network.distances import DISTANCES
from models.network.losses.contrastive import Contrastive


def over_batch(labels, x, margin, positive_margin):
    return Contrastive(margin=margin, positive_margin=positive_margin).batch(labels, x, DISTANCES["euclidean"])


def test_contrastive_by_hand():
    # Y = 1 - same: genuine 0.5 D^2; impostor 0.5 max(0, m - D)^2.
    loss = Contrastive(margin=1.0).pairs(np.array([1, 1, 0, 0, 0]), np.array([0.0, 2.0, 0.0, 0.5, 3.0], np.float32))
    np.testing.assert_allclose(loss, [0, 2, 0.5, 0.125, 0], atol=1e-6)


def test_polarity_a_close_genuine_pair_is_cheap_and_a_close_impostor_expensive():
    close, far = np.array([0.1], np.float32), np.array([1.5], np.float32)
    genuine, impostor = np.array([1]), np.array([0])
    assert Contrastive(margin=1.0).pairs(genuine, close) < Contrastive(margin=1.0).pairs(genuine, far)
    assert Contrastive(margin=1.0).pairs(impostor, close) > Contrastive(margin=1.0).pairs(impostor, far)


def test_in_batch_by_hand():
    # Points on a line at 0, 1 (identity 7) and 1.5 (identity 9); m+ = 0.4, m- = 1.2.
    x = np.array([[0.0], [1.0], [1.5]], np.float32)
    loss = over_batch(np.array([7, 7, 9]), x, 1.2, 0.4)
    pull = 1.0 - 0.4  # the one genuine pair, both ways
    push = 1.2 - 0.5  # 1 against 1.5; 0 against 1.5 is beyond the margin and not averaged in
    assert float(loss) == pytest.approx(pull + push, abs=1e-5)


def test_a_forgery_is_an_impostor_to_all_but_other_forgeries():
    # A genuine image at 0, forgeries at 0.5 and 0.7: each costs against the image, both together cost nothing.
    x, labels = np.array([[0.0], [0.5], [0.7]], np.float32), np.array([3, FORGED, FORGED])
    loss = over_batch(labels, x, 1.0, 0.0)
    assert float(loss) == pytest.approx((0.5 + 0.3) / 2, abs=1e-5)


def test_in_batch_of_one_identity_is_finite():
    x = np.eye(3, dtype=np.float32)
    loss = over_batch(np.array([1, 1, 1]), x, 2.1, 2.0)
    assert float(loss) == 0
