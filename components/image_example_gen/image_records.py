"""Image Examples and the files that hold them: one uncompressed TFRecord file for every split and chunk.

Uncompressed, so that what reads pixels by reference can seek to a record. The order within a file is the listing's.
"""

import glob
import json
import math
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.image_example_gen.sources.source import Found
from components.storage.example_encoding import encode_example
from models.addresses import is_address
from models.data import features
from models.data.image_formats import Normalised
from models.errors import UserError
from models.settings import ImageSettings

_OVERHEAD = 768  # bytes of an Example beside its pixels, and of its row
_LEVELS = np.arange(256)  # of brightness
_ROWS = "rows"  # in the place of a split
_HALF_WRITTEN = ".half-written"  # a folder, beside the splits: whatever reads a split must not see such files


def image_example(found: Found, source: Normalised, pixels: NDArray[np.uint8]) -> bytes:
    """The serialized image Example: the same bytes for the same image."""
    height, width, channels = pixels.shape
    brightness, contrast = _statistics(pixels)
    return encode_example(
        {
            features.IMAGE_ID: found.image_id.encode(),
            features.IMAGE_DIGEST: found.digest.encode(),
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
    )


def _statistics(pixels: NDArray[np.uint8]) -> tuple[float, float]:
    """Mean and standard deviation, of white 1: from integers, so that the order of the pixels does not matter."""
    counts = np.bincount(pixels.reshape(-1), minlength=256)
    total, squares = int(counts @ _LEVELS), int(counts @ _LEVELS**2)
    variance = (pixels.size * squares - total**2) / pixels.size**2
    return total / pixels.size / 255, math.sqrt(variance) / 255


def chunk_path(uri: str, split: str, chunk: int, chunks: int) -> str:
    """The file of the images of one chunk and split."""
    return f"{uri}/Split-{split}/images-{chunk:05d}-of-{chunks:05d}.tfrecord"


@contextmanager
def chunk_writer(uri: str, chunk: int, chunks: int) -> Iterator[Callable[[str, bytes], None]]:
    """Appends records to the files of one chunk by split, which get their final names if the block raises no error.

    Writing a chunk again replaces its files by equal ones.
    """
    writers: dict[str, tf.io.TFRecordWriter] = {}
    attempt = secrets.token_hex(8)

    def half_written(split: str) -> str:
        return f"{uri}/{_HALF_WRITTEN}/{split}-{chunk:05d}-{attempt}"

    def write(split: str, record: bytes) -> None:
        if split not in writers:
            tf.io.gfile.makedirs(f"{uri}/{_HALF_WRITTEN}")
            writers[split] = tf.io.TFRecordWriter(half_written(split))
        writers[split].write(record)

    try:
        yield write
    except BaseException:
        for split, writer in writers.items():
            writer.close()
            tf.io.gfile.remove(half_written(split))
        raise
    for split, writer in writers.items():
        writer.close()
        final = chunk_path(uri, split, chunk, chunks)
        tf.io.gfile.makedirs(final.rpartition("/")[0])
        tf.io.gfile.rename(half_written(split), final, overwrite=True)


@contextmanager
def rows_writer(uri: str, chunk: int, chunks: int) -> Iterator[Callable[[list[Found]], None]]:
    """Writes the rows of one chunk under ``uri``, as ``chunk_writer`` its images."""
    with chunk_writer(uri, chunk, chunks) as write:
        yield lambda rows: write(_ROWS, json.dumps(rows).encode())


def read_rows(uri: str) -> list[Found]:
    """The rows of all chunks, sorted by path."""
    files = tf.io.gfile.glob(f"{glob.escape(uri)}/Split-{_ROWS}/*.tfrecord")
    chunks = tf.data.TFRecordDataset(sorted(files)).as_numpy_iterator()
    return sorted(Found(*row) for chunk in chunks for row in json.loads(chunk))


def rewrite_chunk(uri: str, chunk: int, chunks: int, moves: Mapping[str, str]) -> None:
    """Writes the files of one chunk again, with some images in another split, or, where that is "", without them.

    Args:
      moves: the new split of each image that changes it, by image id.
    """
    paths = {split: chunk_path(uri, split, chunk, chunks) for split in features.SPLITS}
    existing = {split: path for split, path in paths.items() if tf.io.gfile.exists(path)}
    written = set()
    with chunk_writer(uri, chunk, chunks) as write:
        for split, path in existing.items():
            for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
                example = tf.train.Example.FromString(record)
                target = moves.get(example.features.feature[features.IMAGE_ID].bytes_list.value[0].decode(), split)
                if target:
                    write(target, record)
                    written.add(target)
    for split in existing.keys() - written:
        tf.io.gfile.remove(existing[split])


def bytes_written(uri: str) -> dict[str, int]:
    """Bytes of the files of every split."""
    files = {split: tf.io.gfile.glob(f"{glob.escape(uri)}/Split-{split}/*.tfrecord") for split in features.SPLITS}
    return {split: sum(tf.io.gfile.stat(file).length for file in some) for split, some in files.items()}


def remove_half_written(uri: str) -> None:
    """Removes the files of failed attempts."""
    folder = f"{uri}/{_HALF_WRITTEN}"
    if tf.io.gfile.exists(folder):
        tf.io.gfile.rmtree(folder)


def bytes_needed(images: int, image: ImageSettings) -> int:
    """An upper estimate of the Examples of so many images."""
    return images * (image.height * image.width * image.channels + _OVERHEAD)


def check_space(uri: str, needed: int) -> None:
    """Checks the free disk space for ``uri``; skipped for remote storage.

    Raises:
      UserError: there is too little.
    """
    if is_address(uri):
        return
    folder = Path(uri).absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < needed:
        message = (
            f"{folder}: {free / 1e9:.1f} GB free, but the images need about {needed / 1e9:.1f} GB; "
            "free some, choose another output folder or a smaller image size"
        )
        raise UserError(message, code="data-disk-space")
