import keras
import numpy as np
import pytest
import tensorflow as tf

from models.network.encoders.head import UnitNorm


def test_rows_have_length_one():
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32) * np.array([[0.01], [0.1], [1], [10], [1e4]])
    found = np.asarray(UnitNorm()(x))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(found, x / np.linalg.norm(x, axis=1, keepdims=True), rtol=1e-4)


@pytest.mark.parametrize("length", [0.0, 1e-30, 1e-6, 1e-3])
def test_gradients_of_short_embeddings_are_short_enough_for_an_optimiser_to_forget(length):
    x = tf.Variable(np.full((1, 4), length / 2, np.float32))
    with tf.GradientTape() as tape:
        y = UnitNorm()(x)
        loss = tf.reduce_sum(y * [[1.0, -1.0, 1.0, -1.0]])
    gradient = tape.gradient(loss, x).numpy()
    assert np.isfinite(gradient).all()
    assert 0 < np.abs(gradient).max() <= 1001
    assert np.linalg.norm(y) <= 1 + 1e-5


def test_it_survives_serialisation():
    layer = UnitNorm(dtype="float32", name="unit_norm")
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(again) is UnitNorm
    assert again.get_config() == layer.get_config()
