import keras
import numpy as np
import pytest

from models.network.distances import DISTANCES
from models.network.encoders.learned_weights import LearnedWeights
from models.network.siamese import build_tower
from models.settings import EncoderSettings, ImageSettings, LossSettings, ModelSettings, TrainingSettings
from models.training.compiled_model import build_model


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
    if model.verdict:
        assert abs(float(model.verdict.threshold.value) - 0.7) > 1e-3


def test_the_tower_that_is_exported_is_the_one_that_trained():
    one, again = build_tower(settings()), build_tower(settings())
    again.set_weights(one.get_weights())
    assert [layer.name for layer in one.layers] == [layer.name for layer in again.layers]
    images = np.ones((2, 8, 8, 1), np.float32)
    np.testing.assert_array_equal(one(images), again(images))
