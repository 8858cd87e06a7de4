"""A whole training with a backbone: frozen, unfrozen, and stopped on the way. The backbone is tiny, to be quick."""

import importlib
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.data.dataset import ImageTable, PairTable
from models.network.encoders.backbone import BACKBONE
from models.settings import EncoderSettings, ImageSettings, ModelSettings, TrainingSettings
from models.training import trainer

STEPS, EPOCHS, SIDE = 3, 4, 32


@pytest.fixture(autouse=True)
def _tiny_backbone(monkeypatch):
    def tiny(name, image, weights=None):
        keras.utils.set_random_seed(1)  # its weights are the same wherever they are asked for
        inputs = keras.Input((image.height, image.width, 3))
        x = keras.layers.Conv2D(4, 3, strides=4)(inputs)
        x = keras.layers.Activation("relu")(keras.layers.BatchNormalization()(x))
        return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))

    for module in ("encoders.backbone", "pretrained"):
        monkeypatch.setattr(importlib.import_module(f"models.network.{module}"), "application", tiny)


def normalise(raw):
    pixels = tf.io.decode_raw(raw, tf.uint8, fixed_length=SIDE * SIDE)
    return tf.reshape(tf.cast(pixels, tf.float32), [-1, SIDE, SIDE, 1]) / 255


def split(seed: int) -> tuple[ImageTable, PairTable]:
    who = np.repeat(np.arange(6), 4)
    shape = (len(who), SIDE, SIDE, 1)
    centres = np.random.default_rng(99).uniform(60, 200, (6, 1, 1, 1))[who]
    pixels = np.clip(centres + np.random.default_rng(seed).normal(0, 30, shape), 0, 255).astype(np.uint8)
    a, b = np.triu_indices(len(who), k=1)
    images = ImageTable(pixels, {}, who, np.zeros_like(who), np.full_like(who, -1))
    return images, PairTable(a, b, (who[a] == who[b]).astype(np.int64))


def recipe(frozen_epochs: int) -> ModelSettings:
    return ModelSettings(
        image=ImageSettings(height=SIDE, width=SIDE),
        encoder=EncoderSettings(
            name="backbone", weights="imagenet", frozen_epochs=frozen_epochs, embedding=4, dropout=0.2
        ),
        training=TrainingSettings(epochs=EPOCHS, steps_per_epoch=STEPS, patience=50, learning_rate=0.01),
    )


def trained(frozen_epochs: int, folder, checkpoints=None) -> keras.Model:
    keras.utils.set_random_seed(0)
    encoder, _ = trainer.fit(recipe(frozen_epochs), normalise, split(0), split(1), str(folder), checkpoints)
    return encoder


@pytest.mark.parametrize(("frozen_epochs", "moves"), [(0, True), (2, True), (EPOCHS, False), (99, False)])
def test_a_backbone_moves_once_it_is_unfrozen_and_never_if_it_is_not(tmp_path, monkeypatch, frozen_epochs, moves):
    likes = itertools.count()
    monkeypatch.setattr(
        "models.training.validation.metric_value", lambda name, *_: next(likes) / 10 if name == "auc" else 0.5
    )  # the last epoch is the best
    keras.utils.set_random_seed(0)
    before = trainer.build_model(recipe(frozen_epochs), 1).encoder
    after = trained(frozen_epochs, tmp_path)
    kernels = [np.array(model.get_layer(BACKBONE).layers[1].kernel) for model in (before, after)]
    assert np.array_equal(*kernels) != moves
    assert not np.array_equal(*(np.array(model.get_layer("embedding").kernel) for model in (before, after)))


@pytest.mark.parametrize(
    "steps", [2, 2 * STEPS, 2 * STEPS + 1, 3 * STEPS + 2], ids=["frozen", "between", "unfrozen", "late"]
)
def test_stopped_in_either_phase_it_ends_with_the_weights_of_an_unbroken_one(tmp_path, monkeypatch, steps):
    unbroken = trained(2, tmp_path / "unbroken").get_weights()
    done = [0]

    def on_train_batch_end(self, batch, logs=None):
        done[0] += 1
        if done[0] == steps:
            raise SystemExit

    monkeypatch.setattr(keras.callbacks.TerminateOnNaN, "on_train_batch_end", on_train_batch_end)
    with pytest.raises(SystemExit):
        trained(2, tmp_path / "first", tmp_path / "mine")
    resumed = trained(2, tmp_path / "second", tmp_path / "mine").get_weights()
    for weights, expected in zip(resumed, unbroken, strict=True):
        np.testing.assert_allclose(weights, expected, rtol=0, atol=1e-6)
