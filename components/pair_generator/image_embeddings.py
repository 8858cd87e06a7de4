"""Embeddings of the images of a split by the served model, in batches, so that memory does not grow with images."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.pair_generator.index import FILE, OFFSET, ImageIndex
from components.pair_generator.transforms import read_pixels
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
    for _, image in read_pixels(shards, zip(files.tolist(), offsets.tolist(), strict=True)):
        height, width, channels = (image[key] for key in (HEIGHT, WIDTH, CHANNELS))
        pixels = np.frombuffer(image[PIXELS], np.uint8).reshape(height, width, channels)
        png = io.BytesIO()
        Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels).save(png, "PNG", compress_level=1)
        yield png.getvalue()
