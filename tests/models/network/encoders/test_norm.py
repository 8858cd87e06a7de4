import keras
import numpy as np
import pytest

from models.network.encoders.norm import MOMENTUM, BatchNorm, batch_norm, with_batch_norms


def batches(count: int, size: int = 32) -> np.ndarray:
    return np.random.default_rng(0).normal(3, 0.1, (count, size, 2)).astype(np.float32)


@pytest.mark.parametrize("steps", [1, 2, 9])
def test_statistics_are_the_mean_of_all_steps_while_there_are_few(steps):
    norm = batch_norm("norm")
    for batch in batches(steps):
        norm(batch, training=True)
    np.testing.assert_allclose(norm.moving_mean, batches(steps).mean(axis=1).mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(norm.moving_variance, batches(steps).var(axis=1).mean(axis=0), rtol=1e-3)


def test_later_they_move_as_keras_moves_them():
    norm, keras_norm = batch_norm("norm"), keras.layers.BatchNormalization(momentum=MOMENTUM)
    given = batches(30)
    for batch in given[:20]:
        norm(batch, training=True)
    keras_norm.build(given[0].shape)
    keras_norm.moving_mean.assign(norm.moving_mean)
    for batch in given[20:]:
        norm(batch, training=True)
        keras_norm(batch, training=True)
    np.testing.assert_allclose(norm.moving_mean, keras_norm.moving_mean, rtol=1e-5)


@pytest.mark.parametrize("frozen", [False, True])
def test_they_stay_in_inference_and_where_the_layer_is_frozen(frozen):
    norm = batch_norm("norm")
    norm.build((None, 2))
    norm.trainable = not frozen
    norm(batches(1)[0], training=frozen)
    np.testing.assert_array_equal(norm.moving_mean, 0)
    np.testing.assert_array_equal(norm.moving_variance, 1)
    assert float(norm.steps) == 0


def test_features_that_do_not_vary_leave_no_negative_variance():
    norm = batch_norm("norm")
    for _ in range(3):
        norm(np.full((8, 2), 3, np.float32), training=True)
    assert (np.array(norm.moving_variance) >= 0).all()
    assert np.isfinite(np.asarray(norm(batches(1)[0]))).all()


def test_many_in_series_know_images_apart_after_one_step():
    network = keras.Sequential(
        [layer for n in range(30) for layer in (keras.layers.Dense(8, name=f"dense_{n}"), batch_norm(f"norm_{n}"))]
    )
    images = 0.1 * batches(1)[0]
    trained, served = (np.asarray(network(images, training=training)) for training in (True, False))
    np.testing.assert_allclose(served.std(axis=0), trained.std(axis=0), rtol=0.3)


def test_it_survives_serialisation():
    norm = batch_norm("norm")
    again = keras.layers.deserialize(keras.layers.serialize(norm))
    assert type(again) is BatchNorm
    assert again.get_config() == norm.get_config()


def test_a_network_changes_nothing_but_its_norms():
    inputs = keras.Input((2,))
    x = keras.layers.Dense(3, use_bias=False)(inputs)
    x = keras.layers.BatchNormalization(epsilon=0.01, momentum=0.999)(x) + 1.0
    network = keras.Model(inputs, x)
    ours = with_batch_norms(network)
    assert [type(layer).__name__ for layer in ours.layers] == [
        "BatchNorm" if isinstance(layer, keras.layers.BatchNormalization) else type(layer).__name__
        for layer in network.layers
    ]
    (norm,) = (layer for layer in ours.layers if isinstance(layer, BatchNorm))
    assert (norm.epsilon, norm.momentum) == (0.01, MOMENTUM)
    ours.layers[1].set_weights(network.layers[1].get_weights())
    np.testing.assert_allclose(ours(batches(1)[0]), network(batches(1)[0]), rtol=1e-5)
