"""One training as a process of its own; arguments: FOLDER, the JSON of ModelSettings, and a folder of checkpoints.

Prints what the calibration reached, and writes the weights as ``weights.npz`` into the folder.
"""

import json
import logging
import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from models.data.dataset import ImageTable, PairTable
from models.settings import ModelSettings
from models.training import trainer
from models.training.checkpoints import discard
from models.training.hardware import once

BASE = {"image": {"height": 8, "width": 8}, "encoder": {"filters": [8], "embedding": 8, "dropout": 0.1}}


def normalise(raw):
    pixels = tf.io.decode_raw(raw, tf.uint8, fixed_length=64)
    return tf.reshape(tf.cast(pixels, tf.float32), [-1, 8, 8, 1]) / 128 - 1


def split(seed: int) -> tuple[ImageTable, PairTable]:
    """48 noisy images of 8 patterns, and all their pairs."""
    who = np.repeat(np.arange(8), 6)
    centres = np.random.default_rng(99).uniform(0, 255, (8, 8, 8, 1))[who]
    pixels = np.clip(centres + np.random.default_rng(seed).normal(0, 30, centres.shape), 0, 255).astype(np.uint8)
    a, b = np.triu_indices(len(who), k=1)
    images = ImageTable(pixels, {}, who, np.zeros_like(who), np.full_like(who, -1))
    return images, PairTable(a, b, (who[a] == who[b]).astype(np.int64))


if __name__ == "__main__":
    folder, given, *kept = sys.argv[1:]
    logging.basicConfig(stream=sys.stdout, format="%(message)s")
    logging.getLogger("siamese.progress").setLevel(logging.INFO)
    trainer.distribution()  # as run_fn does, before anything else
    settings = ModelSettings.model_validate({**BASE, **json.loads(given)})
    keras.utils.set_random_seed(settings.seed)
    if settings.training.deterministic:
        tf.config.experimental.enable_op_determinism()
    kept_in = Path(kept[0]) if kept else None
    encoder, calibration = trainer.fit(settings, normalise, split(0), split(1), folder, kept_in)
    with once(trainer.distribution()) as chief:
        if chief:
            time.sleep(1)
            (Path(folder).parent / "exported").touch()
            discard(kept_in)
    assert (Path(folder).parent / "exported").exists(), "a host went on before the first had exported"
    np.savez(Path(folder) / "weights.npz", *encoder.get_weights())
    print(json.dumps({"accuracy": calibration.reached["accuracy"], "threshold": calibration.threshold}))
