"""Whether batches that mined impostor pairs steer make a better model: Omniglot's validation alphabets.

    python -m benchmarks mined_batches --images images_background --seeds 0 1 2 --steps 1000 --shares 0.25 0.5

For each seed the recipe of the characters is trained on the train alphabets of ``accuracy --protocol omniglot``; this
model mines the train pairs (``pairs.mined: 0.5``), and the recipe is trained again from the same initial weights, once
for each share of mined identities in a batch (``training.batch.mined``). The test alphabets are not used.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks._protocols import PROTOCOLS, Image, drawer, in_splits, split_of
from benchmarks.accuracy import ROOT, interval
from components.pair_generator.selection import SplitImages, choose_pairs
from components.pair_generator.settings import PairSettings
from models.data import features
from models.data.canonical_pixels import decode
from models.data.dataset import ImageTable, PairTable
from models.settings import ModelSettings
from models.training.trainer import fit
from models.verification.metrics import metric_value
from pipeline.config import load_config

PROTOCOL = PROTOCOLS["omniglot"]
MINED = 0.5  # share of the impostor pairs of the train list
ONE_SHOT_RUNS = 40  # an alphabet


class Split:
    """The images of a split, and the pairs of a seed."""

    def __init__(self, images: list[Image], settings: ModelSettings) -> None:
        self.images = images
        encoded = [tf.io.read_file(str(image.path)) for image in images]
        pixels = np.stack([decode(one, settings.image).numpy() for one in encoded])
        identity, group = (np.unique(names, return_inverse=True)[1] for names in self._names())
        self.table = ImageTable(pixels, {}, identity, group, np.full(len(images), -1))

    def _names(self) -> tuple[list[str], list[str]]:
        return [image.identity for image in self.images], [image.group for image in self.images]

    def pairs(self, settings: PairSettings, split: str, seed: int, embeddings: NDArray | None = None) -> PairTable:
        """The pair list; with mined pairs where there are embeddings to mine with."""
        table = self.table
        known = SplitImages(table.identity, table.group, table.imitates, embeddings)
        chosen = choose_pairs(known, settings, split, seed)
        kinds = np.array(features.KINDS)[chosen.kind]
        return PairTable(
            chosen.a, chosen.b, (kinds == features.GENUINE).astype(np.int64), mined=kinds == features.MINED
        )


def embed(encoder: keras.Model, normalise, table: ImageTable) -> NDArray[np.float32]:  # type: ignore[no-untyped-def]
    """Unit embeddings of all images, float32 [n, d]."""
    rows = np.array_split(np.arange(len(table.pixels)), -(-len(table.pixels) // 512))
    return np.concatenate([encoder(normalise(tf.constant(table.raw(some))), training=False).numpy() for some in rows])


def one_shot(images: list[Image], embeddings: NDArray[np.float32]) -> float:
    """The share of images whose nearest among another drawer's 20 characters is their own."""
    rows: dict[str, dict[int, dict[str, int]]] = {}
    for row, image in enumerate(images):
        rows.setdefault(image.group, {}).setdefault(drawer(image), {})[image.identity] = row
    random, right = np.random.default_rng(0), []
    for drawers in rows.values():
        for _ in range(ONE_SHOT_RUNS):
            one, other = (drawers[who] for who in random.choice(sorted(drawers), 2, replace=False))
            both = sorted(one.keys() & other.keys())
            names = random.choice(both, min(20, len(both)), replace=False)
            a, b = (embeddings[[drawn[name] for name in names]] for drawn in (one, other))
            right += list((a @ b.T).argmax(axis=1) == np.arange(len(a)))
    return float(np.mean(right))


def reached(encoder: keras.Model, threshold: float, normalise, val: Split, pairs: PairTable) -> dict[str, float]:  # type: ignore[no-untyped-def]
    """What a model reaches on the validation split."""
    embeddings = embed(encoder, normalise, val.table)
    distance = np.linalg.norm(embeddings[pairs.a] - embeddings[pairs.b], axis=1)
    return {
        "accuracy": float(((distance < threshold) == pairs.same).mean()),
        "eer": metric_value("eer", pairs.same == 1, distance),
        "20-way one-shot": one_shot(val.images, embeddings),
    }


def main() -> None:
    """Trains and prints a line a training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="the folder that the set's archive unpacks to")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.5])
    arguments = parser.parse_args()
    rows: dict[str, list[dict[str, float]]] = {}
    for seed in arguments.seeds:
        steps = ("training.steps_per_epoch=250", f"training.epochs={max(1, arguments.steps // 250)}", f"seed={seed}")
        config = load_config(ROOT / "configs" / f"{PROTOCOL.config}.yaml", (*steps, "training.tensorboard=none"))
        settings = config.model
        images = list(PROTOCOL.images(arguments.images.resolve()))
        held = list(in_splits(PROTOCOL, images, split_of(PROTOCOL, images, seed)))
        train, val = (Split([one for one, split in held if split == name], settings) for name in ("train", "val"))
        mean, deviation = train.table.pixels.mean() / 255, train.table.pixels.std() / 255

        def normalise(raw: tf.Tensor, shape=train.table.pixels.shape[1:], m=mean, d=deviation) -> tf.Tensor:  # type: ignore[no-untyped-def]
            pixels = tf.reshape(tf.cast(tf.io.decode_raw(raw, tf.uint8), tf.float32), (-1, *shape))
            return (pixels / 255 - m) / d

        evaluated = val.pairs(config.pairs, "val", seed)
        embeddings = None
        for share in (0.0, *arguments.shares):
            listed = config.pairs.model_copy(update={"mined": MINED if share else 0.0, "forgeries": 0.0})
            batch = settings.training.batch.model_copy(update={"mined": share})
            tried = settings.model_copy(update={"training": settings.training.model_copy(update={"batch": batch})})
            keras.utils.set_random_seed(seed)
            started = time.monotonic()
            pairs = train.pairs(listed, "train", seed, embeddings)
            with tempfile.TemporaryDirectory() as logs:
                validated = (val.table, replace(evaluated, mined=None))
                encoder, calibration = fit(tried, normalise, (train.table, pairs), validated, logs, pictured=False)
            found = reached(encoder, calibration.threshold, normalise, val, evaluated)
            if not share:
                embeddings = embed(encoder, normalise, train.table)
            rows.setdefault(f"mined {share:g}", []).append(found)
            values = ", ".join(f"{name} {value:.4f}" for name, value in found.items())
            print(f"seed {seed}, mined {share:g}: {values}, {time.monotonic() - started:.0f} s", flush=True)
    table = Table("identities that come as mined pairs", *next(iter(rows.values()))[0])
    for name, several in rows.items():
        table.add_row(name, *(interval([one[key] for one in several]) for key in several[0]))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
