"""Training: images and pairs a second of the input alone, of our Trainer, and of a bare ``model.fit`` on arrays.

    python -m benchmarks training [--forms batch pairs] [--epochs 4] [--steps 40] [--repeats 2]

The same network, loss, optimiser and batch size, on random pixels, in one process. *input* makes batches and hands
them over, nothing else, the best of five passes; its CPU milliseconds a step are the process's own, so that other work
on the machine counts for less. With ``--repeats 0`` it is all that is measured. *Trainer* is
``models.training.trainer.fit``: batches composed step by step, normalised by the graph that Transform would write,
with what it does at the end of an epoch (the measures of 500 validation images, TensorBoard, checkpoints). *bare* is
Keras's ``fit`` on normalised float32 arrays in memory, shuffled by Keras, with no callback. Each figure is the median
epoch without the first, which traces; the two alternate. Pairs are those in the loss: all of a batch, or the
generated ones.
"""

import argparse
import logging
import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.table import Table

from models.data.batches import Normalise, batch_dataset, batches_of
from models.data.dataset import ImageTable, PairTable
from models.settings import ModelSettings
from models.training import trainer
from models.training.compiled_model import build_model
from models.training.hardware import precision_policy

SHAPES = {"28x28x1": (28, 28, 1), "64x64x3": (64, 64, 3)}
IDENTITIES, IMAGES_EACH = 200, 20
VALIDATION = 500
PASSES = 5


class _Epochs(logging.Handler):
    """Notes the time of each epoch's line of progress."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("epoch "):
            self.times.append(time.perf_counter())


class _Timer(keras.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        del epoch, logs
        self.times.append(time.perf_counter())


def recipe(shape: tuple[int, int, int], form: str, epochs: int, steps: int) -> ModelSettings:
    """The default recipe on images of a shape."""
    height, width, channels = shape
    return ModelSettings.model_validate(
        {
            "image": {"height": height, "width": width, "channels": channels},
            "loss": {"form": form},
            "training": {"epochs": epochs, "steps_per_epoch": steps, "patience": 1000},
        }
    )


def table(shape: tuple[int, int, int], images: int, seed: int) -> tuple[ImageTable, PairTable]:
    """Random images, evenly of ``IDENTITIES``, and as many pairs, half of them genuine."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (images, *shape), np.uint8)
    who = np.arange(images, dtype=np.int64) % IDENTITIES
    a = random.integers(0, images, images)
    same = random.integers(0, 2, images)
    b = np.where(same == 1, (a + IDENTITIES * random.integers(1, 3, images)) % (images - images % IDENTITIES), 0)
    b = np.where(same == 1, b, (a + random.integers(1, IDENTITIES, images)) % images)
    nowhere = np.full(images, -1, np.int64)
    return ImageTable(pixels, {}, who, np.zeros(images, np.int64), nowhere), PairTable(a, b, same.astype(np.int64))


def normaliser(shape: tuple[int, int, int]) -> Normalise:
    """The operations of ``models.data.preprocessing``, with fixed figures."""
    size = int(np.prod(shape))

    def normalise(raw: tf.Tensor) -> tf.Tensor:
        decoded = tf.io.decode_raw(raw, tf.uint8, fixed_length=size)
        return (tf.reshape(tf.cast(decoded, tf.float32) / 255.0, [-1, *shape]) - 0.5) / 0.29

    return normalise


def of_input(
    settings: ModelSettings, images: ImageTable, pairs: PairTable, normalise: Normalise
) -> tuple[float, float]:
    """(seconds, CPU seconds) a step of batches that nobody trains on."""
    steps, passes = 4 * (settings.training.steps_per_epoch or 1), []
    for _ in range(PASSES):
        batches = iter(batch_dataset(batches_of(settings, images, pairs), range(steps), normalise))
        next(batches)
        began, used = time.perf_counter(), time.process_time()
        for _ in batches:
            pass
        passes.append((time.perf_counter() - began, time.process_time() - used))
    seconds, cpu = (min(one) / (steps - 1) for one in zip(*passes, strict=True))
    return seconds, cpu


def of_trainer(
    settings: ModelSettings,
    train: tuple[ImageTable, PairTable],
    val: tuple[ImageTable, PairTable],
    normalise: Normalise,
) -> float:
    """Seconds a step of the Trainer."""
    noted, progress = _Epochs(), logging.getLogger("siamese.progress")
    progress.addHandler(noted)
    progress.setLevel(logging.INFO)
    with tempfile.TemporaryDirectory() as folder:
        trainer.fit(settings, normalise, train, val, folder, Path(folder) / "checkpoints")
    progress.removeHandler(noted)
    return _step_of(noted.times, settings)


def of_bare(settings: ModelSettings, images: ImageTable, pairs: PairTable, normalise: Normalise, size: int) -> float:
    """Seconds a step of ``model.fit`` on arrays: ``size`` images a step, or so many pairs."""
    training = settings.training
    rows = np.arange(len(images.pixels))
    pixels = np.concatenate([normalise(tf.constant(images.raw(some))).numpy() for some in np.array_split(rows, 20)])
    given = settings.loss.form == "pairs"
    labels = pairs.same if given else images.identity
    need = np.arange((training.steps_per_epoch or 1) * size) % len(labels)
    x = (pixels[pairs.a[need]], pixels[pairs.b[need]]) if given else pixels[need]
    steps = training.epochs * (training.steps_per_epoch or 1)
    with precision_policy(training.mixed_precision):
        model, timer = build_model(settings, steps), _Timer()
    model.fit(x, labels[need], batch_size=size, epochs=training.epochs, verbose=0, callbacks=[timer])
    return _step_of(timer.times, settings)


def _step_of(ends: list[float], settings: ModelSettings) -> float:
    return median(np.diff(ends)) / (settings.training.steps_per_epoch or 1)


def main() -> None:
    """Measures every case and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--forms", nargs="+", default=["batch", "pairs"], choices=["batch", "pairs"])
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--steps", type=int, default=40, help="an epoch")
    parser.add_argument("--repeats", type=int, default=2, help="0: the input alone")
    arguments = parser.parse_args()
    rows = Table(
        *("images", "form", "images a step", "input images/s", "input pairs/s", "CPU ms"),
        *("Trainer images/s", "Trainer pairs/s", "bare images/s", "ratio"),
    )
    for name in arguments.shapes:
        shape = SHAPES[name]
        train, val = table(shape, IDENTITIES * IMAGES_EACH, 0), table(shape, VALIDATION, 1)
        normalise = normaliser(shape)
        for form in arguments.forms:
            settings = recipe(shape, form, arguments.epochs, arguments.steps)
            first = batches_of(settings, *train).step(0)
            size = len(first[-1])
            images, pairs = (size, size * (size - 1) // 2) if form == "batch" else (2 * size, size)
            alone, cpu = of_input(settings, *train, normalise)
            cells = [name, form, str(images), f"{images / alone:,.0f}", f"{pairs / alone:,.0f}", f"{1000 * cpu:.2f}"]
            ours, bare = [], []
            for _ in range(arguments.repeats):
                ours.append(of_trainer(settings, train, val, normalise))
                bare.append(of_bare(settings, *train, normalise, size))
            if arguments.repeats:
                each, other = median(ours), median(bare)
                cells += [
                    f"{images / each:,.0f}",
                    f"{pairs / each:,.0f}",
                    f"{images / other:,.0f}",
                    f"{other / each:.3f}",
                ]
            rows.add_row(*cells)
    Console(width=140).print(rows)


if __name__ == "__main__":
    main()
