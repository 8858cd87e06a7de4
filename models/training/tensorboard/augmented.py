"""Augmented images: images of a training step, each beside some of its distortions."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

from models.data.batches import Batches, Normalise
from models.data.features import AUGMENTED
from models.network.augmentation import build_augmentation
from models.settings import ModelSettings

_ROWS, _COLUMNS = 8, 8
_SIDE = 64  # pixels that an image has at least, in the file
_GAP = 2


def augmented_images(
    settings: ModelSettings, batches: Batches, normalise: Normalise, folder: Path, board: bool = True
) -> NDArray[np.uint8]:
    """Draws the images of some identities of the first step, first undistorted, then distorted seven times.

    Turned and mirrored copies that count as identities are fed as such. Writes ``augmented.png``, and with ``board``
    the same for TensorBoard.

    Returns:
      uint8 [rows * height, 8 * width, channels].
    """
    raw, *_, labels = batches.step(0)
    _, first = np.unique(labels, return_index=True)
    rows = np.sort(first)[:_ROWS] if settings.loss.form == "batch" else np.arange(min(_ROWS, len(labels)))
    shown = normalise(tf.constant(raw[rows]))
    seen = settings.encoder.chosen.pixel_range
    # A separate one, because drawing changes its state.
    distort = build_augmentation(settings.augmentation, settings.seed, pixels=seen)
    columns = [shown, *(distort(shown, training=True) for _ in range(_COLUMNS - 1))]
    pixels = _as_pixels(np.stack([np.asarray(column) for column in columns], axis=1), settings, normalise)
    height, width, channels = pixels.shape[2:]
    grid = pixels.transpose(0, 2, 1, 3, 4).reshape(len(rows) * height, _COLUMNS * width, channels)
    folder.mkdir(parents=True, exist_ok=True)
    _spaced(pixels).save(folder / AUGMENTED)
    if board:
        with tf.summary.create_file_writer(str(folder / "augmented")).as_default(step=0):
            tf.summary.image("original, then distorted", grid[np.newaxis])
    return grid


def _as_pixels(images: NDArray[np.float32], settings: ModelSettings, normalise: Normalise) -> NDArray[np.uint8]:
    """Back from what the network is fed, [..., height, width, channels]: of each channel a linear function."""
    size = settings.image
    ends = normalise(tf.constant([bytes([value]) * (size.height * size.width * size.channels) for value in (0, 255)]))
    black, white = (np.asarray(end)[0, 0] for end in ends)
    return np.clip(np.rint((images - black) / (white - black) * 255), 0, 255).astype(np.uint8)


def _spaced(pixels: NDArray[np.uint8]) -> Image.Image:
    """[rows, columns, height, width, channels] as one picture, with gaps; the first column stands apart."""
    rows, columns, height, width, channels = pixels.shape
    factor = -(-_SIDE // min(height, width))
    tall, wide = height * factor + _GAP, width * factor + _GAP
    mode = "RGB" if channels == 3 else "L"
    picture = Image.new(mode, (columns * wide + 3 * _GAP, rows * tall), "gray")
    for row in range(rows):
        for column in range(columns):
            one = Image.fromarray(pixels[row, column].squeeze())
            corner = (column * wide + (3 * _GAP if column else 0), row * tall)
            picture.paste(one.resize((width * factor, height * factor), Image.Resampling.NEAREST), corner)
    return picture
