"""Epochs so short that moving statistics know little: what learns goes on, what has collapsed is stopped."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.data.dataset import ImageTable, PairTable
from models.errors import TrainingFailed
from models.network import siamese
from models.network.encoders import ENCODERS
from models.settings import EncoderSettings, ImageSettings, ModelSettings, TrainingSettings
from models.training import trainer

SIDE, STEPS = 32, 15
NETWORKS = {
    "cnn": {},
    "koch2015": {"embedding": 16},
    "residual": {"filters": (8, 16, 24), "blocks": 2},
    "compact": {"filters": (8, 12, 16, 24), "blocks": 2},
    "backbone": {},
}


def normalise(raw):
    pixels = tf.io.decode_raw(raw, tf.uint8, fixed_length=SIDE * SIDE)
    return tf.reshape(tf.cast(pixels, tf.float32), [-1, SIDE, SIDE, 1]) / 255


def split(seed: int) -> tuple[ImageTable, PairTable]:
    """Noisy copies of eight coarse patterns, and all their pairs."""
    who = np.repeat(np.arange(8), 4)
    patterns = np.random.default_rng(99).uniform(0, 255, (8, 4, 4, 1)).repeat(8, axis=1).repeat(8, axis=2)[who]
    pixels = np.clip(patterns + np.random.default_rng(seed).normal(0, 20, patterns.shape), 0, 255).astype(np.uint8)
    a, b = np.triu_indices(len(who), k=1)
    images = ImageTable(pixels, {}, who, np.zeros_like(who), np.full_like(who, -1))
    return images, PairTable(a, b, (who[a] == who[b]).astype(np.int64))


def trained(folder, encoder: dict, **training) -> list[dict]:
    """The logs of each epoch."""
    seen: list[dict] = []
    keras.utils.set_random_seed(0)
    settings = ModelSettings(
        image=ImageSettings(height=SIDE, width=SIDE),
        encoder=EncoderSettings(**{"embedding": 16, "dropout": 0.0, **encoder}),
        training=TrainingSettings(
            **{"epochs": 1, "steps_per_epoch": STEPS, "tensorboard": "none", **training},
            batch={"identities": 4, "images": 4},
        ),
    )
    noted = keras.callbacks.LambdaCallback(on_epoch_end=lambda _, logs: seen.append(dict(logs)))
    trainer.fit(settings, normalise, split(0), split(1), str(folder), more=[noted])
    return seen


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "sgd"])
@pytest.mark.parametrize("name", ENCODERS)
def test_each_encoder_learns_in_one_epoch_of_few_steps(tmp_path, name, optimizer):
    (seen,) = trained(tmp_path, {"name": name, **NETWORKS[name]}, optimizer=optimizer)
    assert seen["val_spread"] > 5e-3  # the limit is 1e-3
    assert seen["val_auc"] > 0.6


def test_an_encoder_that_has_become_a_constant_is_stopped(tmp_path, monkeypatch):
    def constant(image, encoder):
        inputs = keras.Input((image.height, image.width, image.channels), name="image")
        x = keras.layers.Flatten(name="flatten")(inputs)
        x = keras.layers.Dense(encoder.embedding, kernel_initializer="zeros", bias_initializer="ones")(x)
        return keras.Model(inputs, x, name="encoder")

    monkeypatch.setattr(siamese, "build_encoder", constant)
    with pytest.raises(TrainingFailed, match="in epoch 2: the encoder has collapsed to one point"):
        trained(tmp_path, {"filters": (4,)}, learning_rate=1e-12, weight_decay=0, epochs=5)


def test_a_rate_that_is_far_too_high_is_stopped(tmp_path):
    with pytest.raises(TrainingFailed, match=r"in epoch [1-4]: .*; try a lower training\.learning_rate"):
        trained(tmp_path, {"filters": (4,), "unit_norm": False}, optimizer="sgd", learning_rate=100.0, epochs=5)
