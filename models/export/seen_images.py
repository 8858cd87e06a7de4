"""The images that a model was trained on, ``assets.extra/images.npy``, by which later ones are known.

The first 64 bits of the digest of each image of train and val, as sorted unique uint64: 8 bytes an image. With a
million images, a new one is mistaken for one of them with probability 5e-14.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.data.features import IMAGE_DIGEST

FILE = Path("assets.extra") / "images.npy"

Keys = NDArray[np.uint64]

_BATCH = 1024


def keys_in(files: Iterable[str]) -> Keys:
    """The sorted unique keys of the image Examples in uncompressed TFRecord shards; 8 bytes an image in memory."""
    spec = {IMAGE_DIGEST: tf.io.FixedLenFeature([], tf.string)}
    records = tf.data.TFRecordDataset(list(files)).batch(_BATCH)
    digests = records.map(lambda batch: tf.io.parse_example(batch, spec)[IMAGE_DIGEST]).prefetch(2)
    found = [keys_of(batch) for batch in digests.as_numpy_iterator()]
    return np.unique(np.concatenate(found)) if found else np.empty(0, np.uint64)


def keys_of(digests: NDArray[np.object_]) -> Keys:
    """The key of each digest, which is in hex."""
    return np.array([int(digest[:16], 16) for digest in digests], np.uint64)


def write(model_dir: Path | str, keys: Keys) -> None:
    """Writes the record into the SavedModel at ``model_dir``."""
    path = Path(model_dir) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, keys)


def read(model_dir: Path | str) -> Keys | None:
    """The record of the SavedModel at ``model_dir``; None if it is missing (older models) or damaged."""
    try:
        keys = np.load(Path(model_dir) / FILE, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return keys if isinstance(keys, np.ndarray) and keys.dtype == np.uint64 and keys.ndim == 1 else None
