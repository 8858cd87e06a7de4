"""Embeddings of the images of a split by the served model, in batches, so that memory does not grow with images."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

from components.pair_generator.index import FILE, OFFSET, ImageIndex
from components.storage.tfrecords import open_records, read_record
from models.data.features import CHANNELS, HEIGHT, PIXELS, WIDTH
from models.export.inference import LoadedModel


def embed_images(model_dir: str, index: ImageIndex, shards: Sequence[str]) -> NDArray[np.float32]:
    """float32 [images, d], in the order of the index.

    Uses the signature ``embed``, so that a model of another input size resizes the images itself.

    Raises:
      UserError: the model is damaged, or not of this pipeline.
    """
    files, offsets = (index.table[column].to_numpy() for column in (FILE, OFFSET))
    order = np.lexsort((offsets, files))
    embedded = LoadedModel(Path(model_dir)).embed(_encoded(shards, files[order], offsets[order]))
    placed = np.empty_like(embedded)
    placed[order] = embedded
    return placed


def _encoded(shards: Sequence[str], files: NDArray[np.int32], offsets: NDArray[np.int64]) -> Iterator[bytes]:
    """Each image as a PNG, in the order of the records."""
    for number in np.unique(files):
        with open_records(shards[number]) as file:
            for offset in offsets[files == number]:
                feature = tf.train.Example.FromString(read_record(file, int(offset), shards[number])).features.feature
                height, width, channels = (feature[key].int64_list.value[0] for key in (HEIGHT, WIDTH, CHANNELS))
                pixels = np.frombuffer(feature[PIXELS].bytes_list.value[0], np.uint8).reshape(height, width, channels)
                png = io.BytesIO()
                Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels).save(png, "PNG", compress_level=1)
                yield png.getvalue()
