"""The cost of the pipeline over a bare script with the same pairs, network and training.

    python benchmarks/bare_keras.py [--config configs/digits.yaml] [--runs 3]

Runs the pipeline once to make the pairs, then in turn: the whole pipeline into a new output folder, and a script that
reads the same images with Pillow and the same pair lists, trains the same network with Keras, finds the threshold on
the validation pairs, measures the test pairs and saves a SavedModel. Prints seconds and the ratio of medians.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def bare(config_path: Path | None, first: Path) -> None:
    """The bare script: everything in memory, no checks, no metadata, no gates."""
    import keras
    import numpy as np
    import tensorflow as tf
    from PIL import Image

    from models.data import features
    from models.data.batches import IdentityBatches, batch_dataset
    from models.data.dataset import ImageTable, PairTable
    from models.network.distances import DISTANCES
    from models.training.compiled_model import build_model
    from models.training.hardware import precision_policy
    from models.verification.calibration import calibrate
    from pipeline.config import load_config

    config = load_config(config_path)
    settings, size = config.model, config.image
    keras.utils.set_random_seed(settings.seed)
    artifact = next((first / "artifacts" / "PairGenerator" / "pairs").iterdir())
    root = first / "data" / "digits"

    def load(split: str) -> tuple[ImageTable, PairTable]:
        keys = [features.side(key, side) for key in (features.IMAGE_ID, features.IDENTITY) for side in features.SIDES]
        compression = "GZIP" if any(artifact.glob(f"Split-{split}/*.gz")) else ""
        rows = []
        for file in sorted(map(str, artifact.glob(f"Split-{split}/*"))):
            for record in tf.data.TFRecordDataset(file, compression_type=compression).as_numpy_iterator():
                found = tf.train.Example.FromString(record).features.feature
                row = [found[key].bytes_list.value[0].decode() for key in keys]
                rows.append((*row, found[features.SAME].int64_list.value[0]))
        identity = {row[side]: row[side + 2] for row in rows for side in (0, 1)}
        ids = sorted(identity)
        row_of = {image_id: number for number, image_id in enumerate(ids)}
        mode = "L" if size.channels == 1 else "RGB"
        pixels = np.stack(
            [np.asarray(Image.open(root / i).convert(mode).resize((size.width, size.height))) for i in ids]
        ).reshape(-1, size.height, size.width, size.channels)
        codes = np.unique([identity[i] for i in ids], return_inverse=True)[1].astype(np.int64)
        images = ImageTable(
            pixels,
            {k.encode(): v for k, v in row_of.items()},
            codes,
            np.zeros(len(ids), np.int64),
            np.full(len(ids), -1),
        )
        a, b, same = (np.array([row[i] for row in rows]) for i in (0, 1, 4))
        row_a, row_b = (np.array([row_of[i] for i in side], np.int64) for side in (a, b))
        return images, PairTable(row_a, row_b, same)

    (train, train_pairs), (val, val_pairs), (test, test_pairs) = (load(split) for split in features.SPLITS)
    mean, std = train.pixels.mean() / 255, train.pixels.std() / 255

    def normalise(raw: tf.Tensor) -> tf.Tensor:
        pixels = tf.reshape(tf.io.decode_raw(raw, tf.uint8), [-1, size.height, size.width, size.channels])
        return (tf.cast(pixels, tf.float32) / 255 - mean) / std

    rows = np.unique(np.concatenate([train_pairs.a, train_pairs.b]))
    batches = IdentityBatches(train, rows, settings.training.batch, settings.seed)
    steps = settings.training.steps_per_epoch or batches.steps_per_epoch
    with precision_policy(settings.training.mixed_precision):
        model = build_model(settings, settings.training.epochs * steps)
    dataset = batch_dataset(batches, range(settings.training.epochs * steps), normalise)
    model.fit(dataset, epochs=settings.training.epochs, steps_per_epoch=steps, verbose=0)

    def distances(images: ImageTable, pairs: PairTable) -> np.ndarray:
        embeddings = model.encoder.predict(normalise(images.raw(np.arange(len(images.pixels)))), verbose=0)
        return np.asarray(DISTANCES[settings.loss.distance].paired(embeddings[pairs.a], embeddings[pairs.b]))

    threshold = calibrate(val_pairs.same, distances(val, val_pairs)).threshold
    accuracy = ((distances(test, test_pairs) < threshold) == test_pairs.same).mean()
    with tempfile.TemporaryDirectory() as folder:
        model.encoder.export(folder, verbose=False)
    print(json.dumps({"accuracy": float(accuracy)}))


def _timed(arguments: list[str]) -> tuple[float, str]:
    started = time.monotonic()
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)
    return time.monotonic() - started, done.stdout


def main() -> None:
    """Measures both, in turn, and prints the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare:
        bare(options.config, options.bare)
        return
    chosen = ["--config", str(options.config)] if options.config else []
    pipeline = [sys.executable, "-m", "pipeline", "run", *chosen, "--output"]
    seconds: dict[str, list[float]] = {"pipeline": [], "bare Keras": []}
    accuracy = {}
    with tempfile.TemporaryDirectory() as scratch:
        first = Path(scratch) / "0"
        _timed([*pipeline, str(first)])
        for number in range(1, options.runs + 1):
            output = Path(scratch) / str(number)
            took, _ = _timed([*pipeline, str(output)])
            seconds["pipeline"].append(took)
            summary = json.loads((output / "runs" / "latest" / "summary.json").read_text())
            accuracy["pipeline"] = summary["metrics"]["accuracy"]["value"]
            took, printed = _timed([sys.executable, "-W", "ignore", __file__, *chosen, "--bare", str(first)])
            seconds["bare Keras"].append(took)
            accuracy["bare Keras"] = json.loads(printed.splitlines()[-1])["accuracy"]
    for name, values in seconds.items():
        print(f"{name:<11} {statistics.median(values):6.1f} s  test accuracy {accuracy[name]:.4f}  (runs: {values})")
    print(f"ratio       {statistics.median(seconds['pipeline']) / statistics.median(seconds['bare Keras']):6.2f}")


if __name__ == "__main__":
    main()
