"""A training mirrored over two devices: here the CPU stands for both."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = """
import json, sys
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras, numpy as np
from models.training import trainer
from models.data.dataset import ImageTable, PairTable
from models.network.pairwise import batch_pairs
from models.network.losses import contrastive
from models.settings import ModelSettings

devices = int(sys.argv[1])
if devices == 2:
    trainer.distribution = lambda: tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
seen = []
def watched(labels):
    genuine, impostor = batch_pairs(labels)
    def note(count, genuine, impostor):
        seen.append([int(count), bool(genuine.any()), bool(impostor.any())])
        return np.int64(0)
    tf.numpy_function(note, [tf.size(labels), genuine, impostor], tf.int64)
    return genuine, impostor
contrastive.batch_pairs = watched

def normalise(raw):
    return tf.reshape(tf.cast(tf.io.decode_raw(raw, tf.uint8, fixed_length=64), tf.float32), [-1, 8, 8, 1]) / 128 - 1

def split(seed):
    who = np.repeat(np.arange(8), 6)
    centres = np.random.default_rng(99).uniform(0, 255, (8, 8, 8, 1))[who]
    pixels = np.clip(centres + np.random.default_rng(seed).normal(0, 30, centres.shape), 0, 255).astype(np.uint8)
    a, b = np.triu_indices(len(who), k=1)
    images = ImageTable(pixels, {}, who, np.zeros_like(who), np.full_like(who, -1))
    return images, PairTable(a, b, (who[a] == who[b]).astype(np.int64))

settings = ModelSettings.model_validate({
    "image": {"height": 8, "width": 8},
    "encoder": {"embedding": 8, "dropout": 0, **json.loads(sys.argv[5])},
    "loss": {"form": sys.argv[2]},
    "training": {
        "optimizer": sys.argv[4],
        "mixed_precision": "off",
        "epochs": int(sys.argv[6]),
        "steps_per_epoch": 5,
        "batch": {"identities": 6, "images": 4, "pairs": 24},
    },
})
class Begun(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        np.savez(sys.argv[3] + "/begun", *self.model.encoder.get_weights())

keras.utils.set_random_seed(0)
encoder, calibration = trainer.fit(settings, normalise, split(0), split(1), sys.argv[3], more=[Begun()])
np.savez(sys.argv[3] + "/ended", *encoder.get_weights())
print(json.dumps({"seen": seen, "accuracy": calibration.reached["accuracy"]}))
"""


def trained(folder: Path, devices: int, form: str, optimizer: str, encoder: dict, epochs: int = 4) -> dict:
    folder.mkdir(exist_ok=True)
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(devices), form, str(folder), optimizer, json.dumps(encoder), str(epochs)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.parametrize(("form", "optimizer"), [("batch", "muon"), ("pairs", "adamw")])
def test_each_device_takes_half_of_every_batch_with_pairs_of_both_kinds_in_it(tmp_path, form, optimizer):
    found = trained(tmp_path, 2, form, optimizer, {"filters": [8]})
    assert found["accuracy"] > 0.9
    if form == "batch":
        assert len(found["seen"]) == 4 * 5 * 2
        assert {tuple(one) for one in found["seen"]} == {(12, True, True)}


def test_two_devices_come_to_the_weights_of_one(tmp_path):
    """A mean over pairs is the mean of its halves' means, and this network has no statistics of a batch."""
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, devices in ((one, 1), (two, 2)):
        trained(folder, devices, "pairs", "sgd", {"name": "koch2015"}, epochs=1)
    begun, ended, together = (
        np.concatenate([np.ravel(weights) for weights in np.load(file).values()])
        for file in (one / "begun.npz", one / "ended.npz", two / "ended.npz")
    )
    moved = np.linalg.norm(ended - begun)
    assert moved > 1e-3
    assert np.linalg.norm(together - ended) < 1e-3 * moved
