"""A training that has come to its end is not lost to what fails after it."""

import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.data.dataset import ImageTable, PairTable
from models.errors import TrainingFailed
from models.settings import CalibrationSettings, EncoderSettings, ImageSettings, ModelSettings, TrainingSettings
from models.training import trainer

STEPS, EPOCHS, SIDE = 2, 4, 32
ENDED = "continues after its last epoch: no step is left to take"


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


def recipe(patience: int, **encoder) -> ModelSettings:
    return ModelSettings(
        image=ImageSettings(height=SIDE, width=SIDE),
        encoder=EncoderSettings(**{"filters": (4,), "embedding": 4, "dropout": 0.2, **encoder}),
        training=TrainingSettings(epochs=EPOCHS, steps_per_epoch=STEPS, patience=patience, tensorboard="none"),
    )


def trained(given: ModelSettings, folder, checkpoints=None) -> list[np.ndarray]:
    keras.utils.set_random_seed(0)
    return trainer.fit(given, normalise, split(0), split(1), str(folder), checkpoints)[0].get_weights()


@pytest.fixture
def liked(monkeypatch):
    """Makes up what each epoch's validation says, over all attempts."""

    def like(values: list[float]) -> None:
        measured = iter(values)
        monkeypatch.setattr(
            "models.training.validation.metric_value", lambda name, *_: next(measured) if name == "auc" else 0.5
        )

    return like


@pytest.fixture
def steps(monkeypatch):
    """Counts them; ``stop_at`` is the one at which the process dies."""
    counted = {"taken": 0, "stop_at": 0}

    def on_train_batch_end(self, batch, logs=None):
        counted["taken"] += 1
        if counted["taken"] == counted["stop_at"]:
            raise RuntimeError("killed")

    monkeypatch.setattr(keras.callbacks.TerminateOnNaN, "on_train_batch_end", on_train_batch_end)
    return counted


def same(weights: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for one, other in zip(weights, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("patience", "epochs"), [(50, 4), (1, 3)], ids=["all epochs", "stopped early"])
def test_an_error_in_the_calibration_costs_no_step(tmp_path, monkeypatch, caplog, liked, steps, patience, epochs):
    caplog.set_level("INFO", "siamese.progress")
    seen = [0.6, 0.9, 0.7, 0.8][:epochs]
    liked([*seen, *seen, 1.0, 1.0])  # a further epoch would be the best
    unbroken = trained(recipe(patience), tmp_path / "unbroken")

    def broken(*_):
        raise MemoryError

    with monkeypatch.context() as then:
        then.setattr("models.training.trainer.calibrate", broken)
        with pytest.raises(MemoryError):
            trained(recipe(patience), tmp_path / "first", tmp_path / "mine")
    assert steps["taken"] == 2 * epochs * STEPS

    same(trained(recipe(patience), tmp_path / "second", tmp_path / "mine"), unbroken)
    assert steps["taken"] == 2 * epochs * STEPS
    assert ENDED in caplog.messages


def test_a_target_out_of_reach_is_reported_at_once_the_next_time_and_another_is_met(tmp_path, steps):
    (images, pairs), itself = split(1), np.arange(24)
    unlike = pairs.same == 0
    a, b = (np.concatenate([itself, side[unlike]]) for side in (pairs.a, pairs.b))
    upside_down = (images, PairTable(a, b, (a != b).astype(np.int64)))  # no image is accepted but with all impostors

    def aimed(given: CalibrationSettings):
        asked = recipe(50).model_copy(update={"calibration": given})
        return trainer.fit(asked, normalise, split(0), upside_down, str(tmp_path), tmp_path / "mine")

    for _ in range(2):
        with pytest.raises(TrainingFailed, match="out of reach"):
            aimed(CalibrationSettings(objective="target_far", value=0.05))
    aimed(CalibrationSettings())
    assert steps["taken"] == EPOCHS * STEPS


def test_a_phase_that_stopped_early_is_not_gone_on_with_either(tmp_path, monkeypatch, liked, steps):
    """Killed in the first step of the second phase, whose state is still that of the first."""

    def tiny(name, image, weights=None):
        keras.utils.set_random_seed(1)  # its weights are the same wherever they are asked for
        inputs = keras.Input((image.height, image.width, 3))
        x = keras.layers.Conv2D(4, 3, strides=4, activation="relu")(inputs)
        return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))

    for module in ("encoders.backbone", "pretrained"):
        monkeypatch.setattr(importlib.import_module(f"models.network.{module}"), "application", tiny)
    given = recipe(1, name="backbone", weights="imagenet", filters=None, frozen_epochs=3)
    liked([0.9, 0.5, 0.95, *(0.9, 0.5), 0.95, 1.0])
    unbroken = trained(given, tmp_path / "unbroken")
    assert steps["taken"] == 3 * STEPS
    steps["stop_at"] = 3 * STEPS + 2 * STEPS + 1
    with pytest.raises(RuntimeError, match="killed"):
        trained(given, tmp_path / "first", tmp_path / "mine")
    same(trained(given, tmp_path / "second", tmp_path / "mine"), unbroken)
    assert steps["taken"] == 3 * STEPS + 2 * STEPS + 1 + STEPS
