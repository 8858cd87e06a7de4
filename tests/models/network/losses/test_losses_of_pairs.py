import numpy as np
import pytest
import tensorflow as tf

from models.network.distances import DISTANCES
from models.network.losses import LOSSES, build_loss
from models.network.losses.binary_cross_entropy import BinaryCrossEntropy
from models.settings import LossSettings


def loss_of(name: str, same: np.ndarray, distance: tf.Tensor | np.ndarray) -> tf.Tensor:
    """The loss ``name`` as the training has it: with its head where the loss has one."""
    settings = LossSettings(name=name, form="pairs")
    head = settings.chosen.head(1.0)
    return build_loss(settings)(tf.constant(same), head(distance) if head else distance)


OF_PAIRS = [name for name, loss in LOSSES.items() if "pairs" in loss.forms()]
every_loss = pytest.mark.parametrize("name", OF_PAIRS)


def test_binary_cross_entropy_by_hand():
    same, logit = np.array([1, 0, 1, 0]), np.array([2.0, 2.0, -1.0, -1.0], np.float32)
    p = 1 / (1 + np.exp(-logit))
    np.testing.assert_allclose(BinaryCrossEntropy().pairs(same, logit), -np.log(np.where(same, p, 1 - p)), rtol=1e-5)


def test_binary_cross_entropy_is_finite_where_the_logit_is_large():
    np.testing.assert_allclose(
        BinaryCrossEntropy().pairs(np.array([0, 1]), np.array([200.0, 200.0], np.float32)), [200, 0]
    )


@every_loss
def test_a_close_genuine_pair_is_cheap_and_a_close_impostor_expensive(name):
    close, far = np.array([0.1], np.float32), np.array([1.5], np.float32)
    genuine, impostor = np.array([1]), np.array([0])
    assert loss_of(name, genuine, close) < loss_of(name, genuine, far)
    assert loss_of(name, impostor, close) > loss_of(name, impostor, far)


@every_loss
@pytest.mark.parametrize("distance", DISTANCES)
def test_gradients_are_finite_at_distance_zero(name, distance):
    x = tf.Variable(np.ones((4, 3), np.float32))
    with tf.GradientTape() as tape:
        loss = loss_of(name, np.array([1, 0, 1, 0]), DISTANCES[distance].paired(x, tf.ones((4, 3))))
    assert np.isfinite(tape.gradient(loss, x).numpy()).all()
