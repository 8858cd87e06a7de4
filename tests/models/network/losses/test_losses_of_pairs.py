import keras
import numpy as np
import pytest
import tensorflow as tf

from models.network.distances import DISTANCES
from models.network.losses import OF_PAIRS, LearnedVerdict, build_loss
from models.network.losses.binary_cross_entropy import binary_cross_entropy
from models.settings import LossSettings


def loss_of(name: str, same: np.ndarray, distance: tf.Tensor | np.ndarray) -> tf.Tensor:
    """The loss ``name`` as the training has it: with the verdict layer in front where the loss has one."""
    given = LossSettings(name=name, form="pairs")
    return build_loss(given)(
        tf.constant(same), LearnedVerdict()(distance) if name == "binary_cross_entropy" else distance
    )


every_loss = pytest.mark.parametrize("name", OF_PAIRS)


def test_binary_cross_entropy_by_hand():
    same, logit = np.array([1, 0, 1, 0]), np.array([2.0, 2.0, -1.0, -1.0], np.float32)
    p = 1 / (1 + np.exp(-logit))
    np.testing.assert_allclose(binary_cross_entropy(same, logit), -np.log(np.where(same, p, 1 - p)), rtol=1e-5)


def test_binary_cross_entropy_is_finite_where_the_verdict_is_sure():
    np.testing.assert_allclose(binary_cross_entropy(np.array([0, 1]), np.array([200.0, 200.0], np.float32)), [200, 0])


def test_the_verdict_falls_with_the_distance_and_is_even_at_its_threshold():
    verdict = LearnedVerdict()
    logits = np.asarray(verdict(np.array([0.1, 0.7, 1.4], np.float32)))
    np.testing.assert_allclose(logits, [3.0, 0.0, -3.5], atol=1e-5)
    verdict.log_slope.assign(-20.0)  # however far it is pushed, likeness keeps its sign
    assert np.asarray(verdict(np.array([0.1, 1.4], np.float32))).tolist() == pytest.approx([0, 0], abs=1e-6)
    assert verdict(np.array([0.1], np.float32))[0] > verdict(np.array([1.4], np.float32))[0]


@every_loss
def test_a_close_genuine_pair_is_cheap_and_a_close_impostor_dear(name):
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


@every_loss
def test_losses_survive_serialisation(name):
    loss = build_loss(LossSettings(name=name, form="pairs"))
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()


def test_a_verdict_on_longer_distances_begins_as_undecided():
    distance = tf.constant([0.1, 0.7, 1.4])
    short, long = LearnedVerdict(), LearnedVerdict(scale=8.0)
    np.testing.assert_allclose(long(8 * distance), short(distance), rtol=1e-5)
    assert LearnedVerdict.from_config(long.get_config()).scale == 8.0
