"""The images and pairs of a split, as tables.

Each image is a row of pixels, in memory where they fit well, else in a memory-mapped scratch file, so that a batch is
a gather of rows.
"""

import io
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.data import features
from models.settings import ImageSettings

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class ImageTable:
    """The images of a split, [n]."""

    pixels: NDArray[np.uint8]  # [n, height, width, channels], in memory or mapped from disk
    row_of: dict[bytes, int]  # image id -> row
    identity: Ints  # a number for each identity
    group: Ints  # a number for each group
    # Of a given forgery the number of the imitated identity; -1 of all others, and where the split has no image of it.
    imitates: Ints
    names: tuple[str, ...] = ()  # of the identities, by number; empty where they have none

    def name_of(self, row: int) -> str:
        """The identity that an image shows, on one line."""
        number = int(self.identity[row])
        return " ".join(self.names[number].split()) if self.names else str(number)

    def raw(self, rows: Ints) -> NDArray[np.object_]:
        """The pixels of some rows as Transform reads them: bytes objects [n]."""
        return to_raw(self.pixels[rows])


def to_raw(pixels: NDArray[np.uint8]) -> NDArray[np.object_]:
    """uint8 [n, height, width, channels] -> n bytes objects."""
    size = math.prod(pixels.shape[1:])
    rows = np.ascontiguousarray(pixels).reshape(len(pixels), size)
    return rows.view(np.dtype((np.void, size)))[:, 0].astype(object)


@dataclass(frozen=True)
class PairTable:
    """The pairs of a split, [n], as rows ``a`` and ``b`` of its ``ImageTable``."""

    a: Ints
    b: Ints
    same: Ints  # 1 genuine, 0 impostor
    mined: NDArray[np.bool_] | None = None  # whether it is a mined impostor pair; None where none is


def read_images(files: Sequence[str], image: ImageSettings, scratch: Path | None) -> ImageTable:
    """Reads image Examples into a table whose pixels are in a file under ``scratch``, or in memory without one."""
    spec = {
        key: tf.io.FixedLenFeature([], tf.string)
        for key in (features.IMAGE_ID, features.IDENTITY, features.IMPOSTOR_OF, features.GROUP, features.PIXELS)
    }
    columns: dict[str, list[bytes]] = {key: [] for key in spec if key != features.PIXELS}
    with _rows(scratch) as rows:
        for batch in _parsed(files, spec):
            rows.write(b"".join(batch.pop(features.PIXELS)))
            for key, values in batch.items():
                columns[key].extend(values)
        flat = np.frombuffer(rows.getvalue(), np.uint8) if isinstance(rows, io.BytesIO) else None
    ids, identities, imitated, groups = columns.values()
    shape = (len(ids), image.height, image.width, image.channels)
    pixels = np.memmap(rows.name, np.uint8, "r", shape=shape) if flat is None else flat.reshape(shape)
    row_of = {image_id: row for row, image_id in enumerate(ids)}
    names, identity = _numbered(identities)
    number_of = dict(zip(identities, identity.tolist(), strict=True))
    imitates = np.array([number_of.get(name, -1) if name else -1 for name in imitated], np.int64)
    shown = tuple(name.decode("utf-8", "replace") for name in names)
    return ImageTable(pixels, row_of, identity, _numbered(groups)[1], imitates, shown)


def _rows(scratch: Path | None) -> IO[bytes]:
    if scratch is None:
        return io.BytesIO()
    return tempfile.NamedTemporaryFile(dir=scratch, suffix=".pixels", delete=False)


def read_pairs(files: Sequence[str], images: ImageTable) -> PairTable:
    """Reads pair Examples and finds the rows of their images."""
    a, b = features.side(features.IMAGE_ID, "a"), features.side(features.IMAGE_ID, "b")
    spec = {
        a: tf.io.FixedLenFeature([], tf.string),
        b: tf.io.FixedLenFeature([], tf.string),
        features.SAME: tf.io.FixedLenFeature([], tf.int64),
        features.KIND: tf.io.FixedLenFeature([], tf.string, default_value=b""),
    }
    columns: dict[str, list[int]] = {a: [], b: [], features.SAME: [], features.KIND: []}
    for batch in _parsed(files, spec):
        columns[a].extend(images.row_of[image_id] for image_id in batch[a])
        columns[b].extend(images.row_of[image_id] for image_id in batch[b])
        columns[features.SAME].extend(batch[features.SAME])
        columns[features.KIND].extend(kind == features.MINED.encode() for kind in batch[features.KIND])
    mined = np.array(columns.pop(features.KIND), bool)
    rows_a, rows_b, same = (np.array(values, np.int64) for values in columns.values())
    return PairTable(rows_a, rows_b, same, mined if mined.any() else None)


def _parsed(files: Sequence[str], spec: dict[str, tf.io.FixedLenFeature]):  # type: ignore[no-untyped-def]
    records = tf.data.TFRecordDataset(list(files)).batch(256)
    return records.map(lambda batch: tf.io.parse_example(batch, spec)).prefetch(2).as_numpy_iterator()


def _numbered(names: list[bytes]) -> tuple[list[bytes], Ints]:
    """(each name once, the number of each)."""
    each, numbers = np.unique(np.array(names, dtype=object), return_inverse=True)
    return each.tolist(), numbers.astype(np.int64)
