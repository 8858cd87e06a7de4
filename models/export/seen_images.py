"""Which images a model was made from: ``assets.extra/images.npy``, so that a later run can tell what is new to it.

The first 64 bits of the digest of each image of train and val, uint64, sorted, each once: 8 bytes an image. Beside a
million seen images, a new one is taken for one of them once in 2e13.
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
    """The keys of the image Examples in some shards (uncompressed TFRecords), sorted, each once.

    The pixels are streamed past: what is kept in memory is 8 bytes an image.
    """
    spec = {IMAGE_DIGEST: tf.io.FixedLenFeature([], tf.string)}
    records = tf.data.TFRecordDataset(list(files)).batch(_BATCH)
    digests = records.map(lambda batch: tf.io.parse_example(batch, spec)[IMAGE_DIGEST]).prefetch(2)
    found = [_keys(batch) for batch in digests.as_numpy_iterator()]
    return np.unique(np.concatenate(found)) if found else np.empty(0, np.uint64)


def _keys(digests: NDArray[np.object_]) -> Keys:
    return np.array([int(digest[:16], 16) for digest in digests], np.uint64)


def write(model_dir: Path | str, keys: Keys) -> None:
    """Writes the record into the SavedModel at ``model_dir``."""
    path = Path(model_dir) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, keys)


def read(model_dir: Path | str) -> Keys | None:
    """The record of the SavedModel at ``model_dir``; None where there is none that can be read.

    Models of older releases and of other projects have none, and serve none the worse.
    """
    try:
        keys = np.load(Path(model_dir) / FILE, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return keys if isinstance(keys, np.ndarray) and keys.dtype == np.uint64 and keys.ndim == 1 else None
