"""Image Examples and the files that hold them: one uncompressed TFRecord file for every split and chunk.

Uncompressed, so that what reads pixels by reference can seek to a record. The order within a file is the listing's.
"""

import math
import secrets
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.image_example_gen.sources.source import Found
from components.storage.example_encoding import encode_example
from models.data import features
from models.data.image_formats import Normalised

_LEVELS = np.arange(256)  # of brightness
_HALF_WRITTEN = ".half-written"  # a folder, beside the splits: nothing that reads a split may see such files


def image_example(found: Found, source: Normalised, pixels: NDArray[np.uint8], digest: str) -> bytes:
    """The serialized image Example, always the same bytes for the same image."""
    height, width, channels = pixels.shape
    brightness, contrast = _statistics(pixels)
    example: dict[str, bytes | int | float] = {
        features.IMAGE_ID: found.image_id.encode(),
        features.IMAGE_DIGEST: digest.encode(),
        features.IDENTITY: found.identity.encode(),
        features.GROUP: found.group.encode(),
        features.IMPOSTOR_OF: found.impostor_of.encode(),
        features.FORMAT: source.format.encode(),
        features.HEIGHT: height,
        features.WIDTH: width,
        features.CHANNELS: channels,
        features.SOURCE_HEIGHT: source.height,
        features.SOURCE_WIDTH: source.width,
        features.SOURCE_BYTES: found.bytes,
        features.SPAN: found.span,
        features.IDENTITY_IMAGES: found.identity_images,
        features.PIXELS: pixels.tobytes(),
        features.BRIGHTNESS: brightness,
        features.CONTRAST: contrast,
    }
    return encode_example(example)


def _statistics(pixels: NDArray[np.uint8]) -> tuple[float, float]:
    """Mean and standard deviation, white being 1: from whole numbers, so that their order is no matter."""
    counts = np.bincount(pixels.reshape(-1), minlength=256)
    total, squares = int(counts @ _LEVELS), int(counts @ _LEVELS**2)
    variance = (pixels.size * squares - total**2) / pixels.size**2
    return total / pixels.size / 255, math.sqrt(variance) / 255


def chunk_path(uri: str, split: str, chunk: int, chunks: int) -> str:
    """Where the images of one chunk and split lie."""
    return f"{uri}/Split-{split}/images-{chunk:05d}-of-{chunks:05d}.tfrecord"


class ChunkWriter:
    """Writes the files of one chunk, which appear all at once under their final names when the block ends well.

    Writing a chunk again replaces its files by the same.
    """

    def __init__(self, uri: str, chunk: int, chunks: int) -> None:
        self._uri, self._chunk, self._chunks = uri, chunk, chunks
        self._attempt = secrets.token_hex(8)
        self._writers: dict[str, tf.io.TFRecordWriter] = {}

    def __enter__(self) -> "ChunkWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for writer in self._writers.values():
            writer.close()
        for split in self._writers:
            if kind is not None:
                tf.io.gfile.remove(self._half_written(split))
                continue
            final = chunk_path(self._uri, split, self._chunk, self._chunks)
            tf.io.gfile.makedirs(final.rpartition("/")[0])
            tf.io.gfile.rename(self._half_written(split), final, overwrite=True)

    def write(self, split: str, record: bytes) -> None:
        """Appends a record to the chunk's file of ``split``."""
        if split not in self._writers:
            tf.io.gfile.makedirs(f"{self._uri}/{_HALF_WRITTEN}")
            self._writers[split] = tf.io.TFRecordWriter(self._half_written(split))
        self._writers[split].write(record)

    def _half_written(self, split: str) -> str:
        return f"{self._uri}/{_HALF_WRITTEN}/{split}-{self._chunk:05d}-{self._attempt}"


def read_records(path: str) -> Iterator[bytes]:
    """The records of one file, in order, one in memory at a time."""
    return iter(tf.data.TFRecordDataset(path).as_numpy_iterator())


def rewrite_chunk(uri: str, chunk: int, chunks: int, homes: Mapping[str, str]) -> None:
    """Writes the files of one chunk anew, with some images elsewhere: in another split, or, where that is "", nowhere.

    Args:
      uri: the Examples artifact's.
      chunk: its number.
      chunks: how many there are.
      homes: the split of each image that does not stay where it is, by image id.
    """
    paths = {split: chunk_path(uri, split, chunk, chunks) for split in features.SPLITS}
    there = {split: path for split, path in paths.items() if tf.io.gfile.exists(path)}
    left = set()
    with ChunkWriter(uri, chunk, chunks) as writer:
        for split, path in there.items():
            for record in read_records(path):
                example = tf.train.Example.FromString(record)
                home = homes.get(example.features.feature[features.IMAGE_ID].bytes_list.value[0].decode(), split)
                if home:
                    writer.write(home, record)
                    left.add(home)
    for split in there.keys() - left:
        tf.io.gfile.remove(there[split])


def bytes_written(uri: str, splits: tuple[str, ...]) -> dict[str, int]:
    """Bytes of the files of every split."""
    sizes = {}
    for split in splits:
        files = tf.io.gfile.glob(f"{uri}/Split-{split}/*.tfrecord")
        sizes[split] = sum(tf.io.gfile.stat(file).length for file in files)
    return sizes


def remove_half_written(uri: str) -> None:
    """Removes what failed attempts left."""
    folder = f"{uri}/{_HALF_WRITTEN}"
    if tf.io.gfile.exists(folder):
        tf.io.gfile.rmtree(folder)
