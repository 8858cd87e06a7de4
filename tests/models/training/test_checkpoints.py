import logging
import os
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
from pair_parts import declare_images

from models.data.dataset import ImageTable, PairTable
from models.errors import TrainingFailed
from models.settings import (
    AugmentationSettings,
    EncoderSettings,
    ImageSettings,
    LossSettings,
    ModelSettings,
    TrainingSettings,
)
from models.training.checkpoints import discard, kept_in, training_key
from models.training.trainer import fit
from models.training.validation import ValidationMonitor

STEPS, EPOCHS = 4, 5


def normalise(raw):
    pixels = tf.io.decode_raw(raw, tf.uint8)
    return tf.reshape(tf.cast(pixels, tf.float32), [-1, 8, 8, 1]) / 128 - 1


def split(seed: int) -> tuple[ImageTable, PairTable]:
    """Noisy copies of one pattern an identity, too alike for an early perfect score, and all their pairs."""
    who = np.repeat(np.arange(6), 4)
    random = np.random.default_rng(seed)
    pixels = np.random.default_rng(99).uniform(80, 170, (6, 8, 8, 1))[who] + random.normal(0, 60, (len(who), 8, 8, 1))
    a, b = np.triu_indices(len(who), k=1)
    images = ImageTable(np.clip(pixels, 0, 255).astype(np.uint8), {}, who, np.zeros_like(who), np.full_like(who, -1))
    return images, PairTable(a, b, (who[a] == who[b]).astype(np.int64))


def recipe(form: str, **training) -> ModelSettings:
    return ModelSettings(
        image=ImageSettings(height=8, width=8),
        encoder=EncoderSettings(filters=(4,), embedding=4, dropout=0.3),
        loss=LossSettings(form=form),
        augmentation=AugmentationSettings(rotation=20),
        training=TrainingSettings(**{"epochs": EPOCHS, "steps_per_epoch": STEPS, **training}),
    )


def trained(given: ModelSettings, logs, checkpoints=None) -> list[np.ndarray]:
    keras.utils.set_random_seed(given.seed)
    encoder, _ = fit(given, normalise, split(0), split(1), str(logs), checkpoints)
    return encoder.get_weights()


@pytest.fixture
def stop_after(monkeypatch):
    """Stops the training as a signal would, once so many steps are done; later attempts run to their end."""

    def stop(steps: int, error: type[BaseException]) -> None:
        done = [0]

        def on_train_batch_end(self, batch, logs=None):
            done[0] += 1
            if done[0] == steps:
                raise error

        monkeypatch.setattr(keras.callbacks.TerminateOnNaN, "on_train_batch_end", on_train_batch_end)

    return stop


@pytest.mark.parametrize(
    ("form", "steps", "error"),
    [
        ("batch", 6, SystemExit),  # in the middle of an epoch, as a pod's SIGTERM does
        ("pairs", 2 * STEPS, KeyboardInterrupt),  # as the last step of an epoch ends
        ("batch", 11, RuntimeError),  # killed without warning: from the end of the epoch before
        ("pairs", 2, RuntimeError),  # before there was anything to keep
    ],
)
def test_a_stopped_training_ends_with_the_weights_of_an_unbroken_one(tmp_path, stop_after, form, steps, error):
    given = recipe(form)
    unbroken = trained(given, tmp_path / "unbroken")
    stop_after(steps, error)
    with pytest.raises(error):
        trained(given, tmp_path / "first", tmp_path / "kept" / "mine")
    resumed = trained(given, tmp_path / "second", tmp_path / "kept" / "mine")

    for weights, expected in zip(resumed, unbroken, strict=True):
        np.testing.assert_allclose(weights, expected, rtol=0, atol=1e-6)
    discard(tmp_path / "kept" / "mine")  # as its end in ``fit`` is not yet that of its use
    assert not list((tmp_path / "kept").iterdir())


def test_it_says_that_it_stops_and_where_it_goes_on(tmp_path, stop_after, caplog):
    stop_after(6, SystemExit)
    with caplog.at_level(logging.INFO, "siamese.progress"), pytest.raises(SystemExit):
        trained(recipe("batch"), tmp_path, tmp_path / "mine")
    assert caplog.messages[-1] == "stopped; the same run continues after 6 steps"

    with caplog.at_level(logging.INFO, "siamese.progress"):
        trained(recipe("batch"), tmp_path, tmp_path / "mine")
    assert f"continues from epoch 2/{EPOCHS}, step 2 of {STEPS}" in caplog.messages


def test_stopped_while_an_epoch_is_evaluated_it_is_evaluated_again(tmp_path, monkeypatch):
    """The best epoch is the first: a state without its weights would end with those of another."""
    likes = dict.fromkeys(range(1, EPOCHS), 0.5) | {0: 0.9}
    evaluated = ValidationMonitor.on_epoch_end

    def reported(monitor, epoch, logs=None):
        evaluated(monitor, epoch, logs)
        logs["val_auc"] = likes[epoch]

    monkeypatch.setattr(ValidationMonitor, "on_epoch_end", reported)
    unbroken = trained(recipe("batch"), tmp_path / "unbroken")

    def stopped(monitor, epoch, logs=None):
        raise SystemExit

    monkeypatch.setattr(ValidationMonitor, "on_epoch_end", stopped)
    given = recipe("batch", checkpoint_minutes=1e-9)
    with pytest.raises(SystemExit):
        trained(given, tmp_path, tmp_path / "mine")
    monkeypatch.setattr(ValidationMonitor, "on_epoch_end", reported)
    for weights, expected in zip(trained(given, tmp_path, tmp_path / "mine"), unbroken, strict=True):
        np.testing.assert_allclose(weights, expected, rtol=0, atol=1e-6)


def test_stopped_by_what_sees_a_step_before_the_state_is_kept_the_epoch_is_evaluated_too(
    tmp_path, stop_after, monkeypatch
):
    """The second epoch is the best, and a signal arrives as its last step ends."""
    evaluated = ValidationMonitor.on_epoch_end

    def reported(monitor, epoch, logs=None):
        evaluated(monitor, epoch, logs)
        logs["val_auc"] = 0.9 if epoch == 1 else 0.5

    monkeypatch.setattr(ValidationMonitor, "on_epoch_end", reported)
    unbroken = trained(recipe("batch"), tmp_path / "unbroken")
    stop_after(2 * STEPS, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        trained(recipe("batch"), tmp_path, tmp_path / "mine")
    for weights, expected in zip(trained(recipe("batch"), tmp_path, tmp_path / "mine"), unbroken, strict=True):
        np.testing.assert_allclose(weights, expected, rtol=0, atol=1e-6)


def test_patience_is_not_forgotten(tmp_path, stop_after, monkeypatch, caplog):
    """The second epoch was the best; two worse ones end the training, whichever attempt they fall into."""
    likes = iter([0.6, 0.9, 0.7, 0.7, 0.8])
    monkeypatch.setattr(
        "models.training.validation.metric_value", lambda name, *_: next(likes) if name == "auc" else 0.5
    )
    given = recipe("batch", patience=2)
    stop_after(3 * STEPS + 1, SystemExit)
    with pytest.raises(SystemExit):
        trained(given, tmp_path, tmp_path / "mine")
    with caplog.at_level(logging.INFO, "siamese.progress"):
        trained(given, tmp_path, tmp_path / "mine")

    epochs = [message.split("  ")[0] for message in caplog.messages if message.startswith("epoch ")]
    assert epochs[-1] == f"epoch 4/{EPOCHS}"


def test_a_long_epoch_is_kept_in_parts(tmp_path, stop_after):
    """Killed without warning in its only epoch, it goes on from the step at which the last state was written."""
    given = recipe("batch", epochs=1, steps_per_epoch=12, checkpoint_minutes=1e-9)
    unbroken = trained(given, tmp_path / "unbroken")
    stop_after(9, RuntimeError)
    with pytest.raises(RuntimeError):
        trained(given, tmp_path / "first", tmp_path / "mine")
    with np.load(tmp_path / "mine" / "state.npz") as state:
        assert 8 in [
            state[name].item() for name in state.files if state[name].ndim == 0 and state[name].dtype == "int64"
        ]
    for weights, expected in zip(trained(given, tmp_path / "second", tmp_path / "mine"), unbroken, strict=True):
        np.testing.assert_allclose(weights, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "more",
    [
        {"loss": {"name": "binary_cross_entropy", "distance": "weighted_manhattan"}},
        {"training": {"accumulate": 3, "optimizer": "sgd", "learning_rate": 0.05, "warmup": 5}},
        {"training": {"stop_on": "eer", "schedule": "step", "clip_norm": 1.0}},
        {"training": {"optimizer": "muon", "mixed_precision": "on"}},
    ],
    ids=["learned-logit", "accumulated", "eer", "muon"],
)
def test_whatever_the_recipe_a_stopped_training_ends_as_an_unbroken_one(tmp_path, stop_after, more):
    given = ModelSettings.model_validate(
        {key: {**value, **more.get(key, {})} if isinstance(value, dict) else value for key, value in _plain().items()}
    )
    unbroken = trained(given, tmp_path / "unbroken")
    stop_after(6, SystemExit)
    with pytest.raises(SystemExit):
        trained(given, tmp_path / "first", tmp_path / "mine")
    for weights, expected in zip(trained(given, tmp_path / "second", tmp_path / "mine"), unbroken, strict=True):
        np.testing.assert_allclose(weights, expected, rtol=0, atol=1e-6)


def _plain() -> dict:
    return recipe("batch").model_dump(mode="json", exclude_unset=True, exclude={"loss"}) | {"loss": {}}


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def header(path):
    content = path.read_bytes()
    at = content.index(b"'shape'")
    path.write_bytes(content[:at] + b"'sh" + bytes([content[at + 3] ^ 1]) + content[at + 4 :])


def array(path):
    with path.open("wb") as file:
        np.save(file, np.ones(3))


SPOILS = {
    "halved": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "flipped": flipped,
    "header": header,
    "an array": array,
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "text": lambda path: path.write_text("no archive"),
}


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
def test_a_damaged_checkpoint_falls_back_to_the_one_before_it(tmp_path, stop_after, caplog, spoil):
    given = recipe("batch")
    unbroken = trained(given, tmp_path / "unbroken")
    stop_after(3 * STEPS + 1, RuntimeError)
    with pytest.raises(RuntimeError):
        trained(given, tmp_path, tmp_path / "mine")
    spoil(tmp_path / "mine" / "state.npz")
    with caplog.at_level(logging.INFO, "siamese.progress"):
        resumed = trained(given, tmp_path, tmp_path / "mine")
    assert any("mine/state.npz: is damaged (" in line for line in caplog.messages)
    assert f"continues from epoch 3/{EPOCHS}, step 0 of {STEPS}" in caplog.messages
    for weights, expected in zip(resumed, unbroken, strict=True):
        np.testing.assert_allclose(weights, expected, rtol=0, atol=1e-6)


def test_without_an_undamaged_checkpoint_the_training_begins_again(tmp_path, stop_after, caplog):
    stop_after(3 * STEPS + 1, RuntimeError)
    with pytest.raises(RuntimeError):
        trained(recipe("batch"), tmp_path, tmp_path / "mine")
    for path in (tmp_path / "mine").glob("*.npz"):
        flipped(path)
    with caplog.at_level(logging.INFO, "siamese.progress"):
        trained(recipe("batch"), tmp_path, tmp_path / "mine")
    assert sum("is damaged" in line for line in caplog.messages) == 2
    assert not [line for line in caplog.messages if line.startswith("continues")]


def test_a_checkpoint_that_the_disk_does_not_take_ends_no_training(tmp_path, monkeypatch, caplog):
    def full(file, **arrays):
        file.write(b"torn")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with caplog.at_level(logging.INFO, "siamese.progress"):
        trained(recipe("batch", epochs=1), tmp_path, tmp_path / "mine")
    assert any("no checkpoint of step 4" in line for line in caplog.messages)
    assert not list((tmp_path / "mine").iterdir())


def test_a_training_that_fails_is_not_gone_on_with(tmp_path):
    diverges = recipe("batch", learning_rate=100.0, optimizer="sgd")
    free = diverges.encoder.model_copy(update={"unit_norm": False})
    with pytest.raises(TrainingFailed):
        trained(diverges.model_copy(update={"encoder": free}), tmp_path, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_what_was_given_up_is_removed_in_time(tmp_path):
    old, recent = tmp_path / "kept" / "old" / "state.npz", tmp_path / "kept" / "recent" / "state.npz"
    search = tmp_path / "kept" / "trials-old" / "oracle.json"
    for state in (old, recent, search):
        state.parent.mkdir(parents=True)
        state.write_bytes(b"state")
    for state in (old, search):
        os.utime(state, (time.time() - 15 * 86400,) * 2)
    trained(recipe("batch", epochs=1), tmp_path / "logs", tmp_path / "kept" / "mine")

    assert {path.name for path in (tmp_path / "kept").iterdir()} == {"recent", "mine"}


def test_the_key_changes_with_the_recipe_and_with_every_byte(tmp_path):
    file = tmp_path / "pairs"
    file.write_bytes(b"ab")
    key = training_key("recipe", [str(file)])

    assert training_key("recipe", [str(file)]) == key
    assert training_key("other", [str(file)]) != key
    file.write_bytes(b"ac")
    assert training_key("recipe", [str(file)]) != key


def test_a_training_is_known_by_what_shapes_its_weights_and_not_by_what_comes_after(tmp_path):
    for file in (tmp_path / "Split-train" / "pairs", tmp_path / "images" / "train" / "images"):
        file.parent.mkdir(parents=True)
        file.write_bytes(b"a")
    declare_images(tmp_path, "train")
    config = {
        "checkpoints": str(tmp_path / "kept"),
        "model": recipe("batch").model_dump(mode="json"),
        "config_digest": "all of it",
        "code_digest": "code",
    }

    def folder(tuned=None, **other):
        return kept_in({**config, **other}, [str(tmp_path / "Split-train" / "*")], tuned)

    def changed(section, **values):
        return {**config["model"], section: {**config["model"][section], **values}}

    same = folder()
    assert same.parent == tmp_path / "kept"
    assert folder(model=changed("calibration", objective="best_f1"), config_digest="another") == same
    watched = {"join_minutes": 600, "checkpoint_minutes": 1, "in_memory": "on", "tensorboard": "none"}
    assert folder(model=changed("training", histogram_epochs=3, **watched)) == same
    others = [
        folder(model=changed("training", epochs=9)),
        folder(model={**config["model"], "seed": 5}),
        folder(code_digest="other"),
        folder(weights_digest="other"),
        folder(tuned={"margin": 1.0}),
    ]
    assert len({same, *others}) == 6
    assert folder(checkpoints=None) is None
