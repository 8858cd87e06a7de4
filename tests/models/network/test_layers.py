import keras
import numpy as np
import pytest
import tensorflow as tf

from models.network.distances import DISTANCES
from models.network.layers import MOMENTUM, BatchNorm, LearnedWeights, PairLogit, UnitNorm, batch_norm, with_batch_norms
from models.network.siamese import build_tower
from models.settings import EncoderSettings, ImageSettings, LossSettings, ModelSettings, TrainingSettings
from models.training.compiled_model import build_model


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


def test_batch_norm_survives_serialisation():
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


def test_rows_have_length_one():
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32) * np.array([[0.01], [0.1], [1], [10], [1e4]])
    found = np.asarray(UnitNorm()(x))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(found, x / np.linalg.norm(x, axis=1, keepdims=True), rtol=1e-4)


@pytest.mark.parametrize("length", [0.0, 1e-30, 1e-6, 1e-3])
def test_gradients_of_short_embeddings_are_short_enough_for_an_optimizer_to_forget(length):
    x = tf.Variable(np.full((1, 4), length / 2, np.float32))
    with tf.GradientTape() as tape:
        y = UnitNorm()(x)
        loss = tf.reduce_sum(y * [[1.0, -1.0, 1.0, -1.0]])
    gradient = tape.gradient(loss, x).numpy()
    assert np.isfinite(gradient).all()
    assert 0 < np.abs(gradient).max() <= 1001
    assert np.linalg.norm(y) <= 1 + 1e-5


def test_unit_norm_survives_serialisation():
    layer = UnitNorm(dtype="float32", name="unit_norm")
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(again) is UnitNorm
    assert again.get_config() == layer.get_config()


def settings(**loss) -> ModelSettings:
    return ModelSettings(
        image=ImageSettings(height=8, width=8),
        encoder=EncoderSettings(filters=(4,), embedding=6, dropout=0.0),
        loss=LossSettings(distance="weighted_manhattan", **loss),
        training=TrainingSettings(learning_rate=0.05, schedule="constant"),
    )


def test_the_distance_is_the_weighted_sum_of_differences():
    a, b = np.random.default_rng(0).normal(size=(2, 5, 6)).astype(np.float32)
    layer = LearnedWeights()
    layer(a)
    weights = np.arange(6, dtype=np.float32)
    layer.kernel.assign(weights)
    found = DISTANCES["weighted_manhattan"].paired(layer(a), layer(b))
    np.testing.assert_allclose(found, (weights * np.abs(a - b)).sum(axis=1), rtol=1e-5)


def test_random_directions_begin_about_one_apart_whatever_the_size():
    for size in (16, 256):
        x = np.random.default_rng(1).normal(size=(2, 400, size)).astype(np.float32)
        a, b = x / np.linalg.norm(x, axis=-1, keepdims=True)
        layer = LearnedWeights()
        assert np.asarray(DISTANCES["weighted_manhattan"].paired(layer(a), layer(b))).mean() == pytest.approx(
            1.13, abs=0.05
        )


@pytest.mark.parametrize(
    "loss", [{}, {"name": "binary_cross_entropy"}, {"name": "binary_cross_entropy", "form": "pairs"}], ids=str
)
def test_weights_are_learned_and_never_negative(loss):
    keras.utils.set_random_seed(0)
    images = np.random.default_rng(2).normal(size=(12, 8, 8, 1)).astype(np.float32)
    who = np.repeat(np.arange(3), 4)
    model = build_model(settings(**loss), 10)
    weights = model.encoder.get_layer("distance_weights").kernel
    before = np.array(weights)
    for _ in range(10):
        if loss.get("form") == "pairs":
            model.train_on_batch((images, images[::-1]), (who == who[::-1]).astype(int))
        else:
            model.train_on_batch(images, who)
    assert np.abs(np.array(weights) - before).max() > 1e-3
    assert np.array(weights).min() >= 0
    if model.head:
        assert abs(float(model.head.threshold.value) - 0.7) > 1e-3


def test_the_tower_that_is_exported_is_the_one_that_trained():
    one, again = build_tower(settings()), build_tower(settings())
    again.set_weights(one.get_weights())
    assert [layer.name for layer in one.layers] == [layer.name for layer in again.layers]
    images = np.ones((2, 8, 8, 1), np.float32)
    np.testing.assert_array_equal(one(images), again(images))


def test_the_logit_falls_with_the_distance_and_is_zero_at_its_threshold():
    logit = PairLogit()
    logits = np.asarray(logit(np.array([0.1, 0.7, 1.4], np.float32)))
    np.testing.assert_allclose(logits, [3.0, 0.0, -3.5], atol=1e-5)
    logit.log_slope.assign(-20.0)  # however far it is pushed, likeness keeps its sign
    assert np.asarray(logit(np.array([0.1, 1.4], np.float32))).tolist() == pytest.approx([0, 0], abs=1e-6)
    assert logit(np.array([0.1], np.float32))[0] > logit(np.array([1.4], np.float32))[0]


def test_the_logit_of_longer_distances_begins_as_undecided():
    distance = tf.constant([0.1, 0.7, 1.4])
    short, long = PairLogit(), PairLogit(scale=8.0)
    np.testing.assert_allclose(long(8 * distance), short(distance), rtol=1e-5)
    assert PairLogit.from_config(long.get_config()).scale == 8.0
