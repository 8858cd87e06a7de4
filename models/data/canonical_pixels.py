"""Canonical pixels: the only conversion of an encoded image to the uint8 array that a model reads.

The second of the two steps from a file to canonical pixels (the first is ``image_formats``). The same functions run at
ingest and within the serving signatures, so that there is no skew between training and serving.
"""

import hashlib
from typing import Any

import numpy as np
import tensorflow as tf

from models.settings import ImageSettings

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as in JPEG
_FEW_LEVELS, _DARK = 16, 64  # of 255: 12 and 14 bits of 16
_MARGIN = 0.1  # around what is trimmed, of its longer side


def decode(encoded: tf.Tensor, image: ImageSettings) -> tf.Tensor:
    """Canonical pixels of an encoded image.

    Args:
      encoded: JPEG, PNG, BMP or GIF bytes (of which the first frame counts), a string scalar.
      image: size, channels and fit.

    Returns:
      uint8 [image.height, image.width, image.channels].

    Raises:
      InvalidArgumentError: TensorFlow cannot decode it.
    """
    pixels = tf.io.decode_image(encoded, channels=0, expand_animations=False)
    pixels = tf.ensure_shape(pixels, [None, None, None])
    channels = tf.shape(pixels)[2]
    opaque = tf.cond(tf.math.floormod(channels, 2) == 0, lambda: _on_white(pixels), lambda: pixels)
    return resize(opaque, image)


def resize(pixels: tf.Tensor, image: ImageSettings) -> tf.Tensor:
    """Resizes decoded pixels and converts their channels; pixels of the configured size and channels are unchanged.

    Antialiased bilinear: a triangle filter as wide as the reduction. Grey is BT.601 luma. Rounded once, to the nearest.
    With ``binarise``, pixels are binarised before and after the resize, so black and white of the configured size are
    unchanged too. With ``trim``, they are trimmed between the first binarisation and the resize.

    Args:
      pixels: uint8 [any height, any width, 1 or 3].
      image: size, channels and fit.

    Returns:
      uint8 [image.height, image.width, image.channels].
    """
    pixels = _binarised(tf.ensure_shape(pixels, [None, None, None]), image.binarise)
    size = tf.constant([image.height, image.width])
    fitted = tf.cond(
        tf.reduce_all(tf.shape(pixels)[:2] == size),
        lambda: _rounded(_with_channels(tf.cast(pixels, tf.float32), image.channels)),
        lambda: _resized(*_trimmed(pixels, image), image),
    )
    fitted = tf.ensure_shape(fitted, [image.height, image.width, image.channels])
    return tf.broadcast_to(_binarised(fitted, image.binarise), [image.height, image.width, image.channels])


def digest(pixels: np.ndarray) -> str:
    """SHA-256 of the pixels and their shape, hex: equal for images that are equal to a model."""
    shape = "x".join(str(length) for length in pixels.shape)
    return hashlib.sha256(f"{shape}:".encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def is_dim(pixels: np.ndarray) -> bool:
    """Whether pixels, uint8, span at most 17 of 256 levels, or none is brighter than a quarter of white.

    So are 8 to 14 bits that were stored in 16 without being scaled, and masks of zeros and ones.
    """
    low, high = int(pixels.min()), int(pixels.max())
    return high - low <= _FEW_LEVELS or high <= _DARK


def without_padding(pixels: np.ndarray, height: int, width: int, image: ImageSettings) -> np.ndarray:
    """The part of canonical pixels that an image of this height and width fills; all where they are trimmed."""
    if image.fit == "stretch" or image.trim is not None or (height, width) == (image.height, image.width):
        return pixels
    scale = min(image.height / height, image.width / width)
    rows, columns = (max(1, round(length * scale) - 1) for length in (height, width))  # rounded as it may be
    top, left = (image.height - rows) // 2, (image.width - columns) // 2
    return pixels[top : top + rows, left : left + columns]


def _resized(pixels: tf.Tensor, ground: tf.Tensor, image: ImageSettings) -> tf.Tensor:
    """uint8 [h, w, 1 or 3] and the colour of the padding, [1] or [3] -> uint8 [height, width, channels]."""
    size = tf.constant([image.height, image.width])
    if image.fit == "stretch":
        inner = size
    else:
        given = tf.cast(tf.shape(pixels)[:2], tf.float32)
        wanted = tf.cast(size, tf.float32)
        inner = tf.cast(tf.round(given * tf.reduce_min(wanted / given)), tf.int32)
        inner = tf.clip_by_value(inner, 1, size)
    sampled = tf.image.resize(pixels, inner, method=tf.image.ResizeMethod.BILINEAR, antialias=True)
    fitted = _rounded(_with_channels(sampled, image.channels))
    if image.fit == "stretch":
        return fitted
    before = (size - inner) // 2
    after = size - inner - before
    paddings = tf.concat([tf.stack([before, after], axis=1), [[0, 0]]], axis=0)
    colour = _rounded(_with_channels(tf.cast(ground[None, None], tf.float32), image.channels))
    return _padded(fitted, paddings, colour)


def _with_channels(pixels: tf.Tensor, channels: int) -> tf.Tensor:
    """float32 [h, w, 1 or 3] -> float32 [h, w, channels]; how many there are may be known only at run time."""
    if pixels.shape[2] == channels:
        return pixels
    if channels == 3:  # a grey image is added to three channels of zeros
        return pixels + tf.zeros([1, 1, 3])
    if pixels.shape[2] is not None:
        return _luma(pixels)
    return tf.cond(tf.shape(pixels)[2] == 1, lambda: pixels, lambda: _luma(pixels))


def _luma(pixels: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(pixels * tf.constant(_LUMA), axis=2, keepdims=True)


def _binarised(pixels: tf.Tensor, level: int | None) -> tf.Tensor:
    """uint8 [h, w, 1 or 3] -> uint8 [h, w, 1], black and white: without the shades of a scan."""
    if level is None:
        return pixels
    grey = _rounded(_with_channels(tf.cast(pixels, tf.float32), 1))
    return tf.where(grey >= tf.constant(level, tf.uint8), tf.constant(255, tf.uint8), tf.constant(0, tf.uint8))


def _trimmed(pixels: tf.Tensor, image: ImageSettings) -> tuple[tf.Tensor, tf.Tensor]:
    """uint8 [h, w, c] -> the foreground with a margin of background, uint8 [h', w', c], and the background, [c].

    The background is the median of the outermost pixels, channel by channel. An image without a foreground is returned
    as it is, as is every image where ``trim`` is None; ``pad_value`` is then the background.
    """
    if image.trim is None:
        return pixels, tf.constant([image.pad_value], tf.uint8)
    edges = tf.concat([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]], axis=0)
    paper = tf.sort(edges, axis=0)[tf.shape(edges)[0] // 2]
    far = tf.maximum(pixels, paper) - tf.minimum(pixels, paper)
    drawn = tf.reduce_any(far > tf.constant(image.trim, tf.uint8), axis=2)

    def cut() -> tf.Tensor:
        rows, columns = (tf.where(tf.reduce_any(drawn, axis=axis))[:, 0] for axis in (1, 0))
        shown = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        longer = tf.cast(tf.reduce_max(tf.shape(shown)[:2]), tf.float32)
        margin = tf.cast(tf.math.ceil(longer * _MARGIN), tf.int32)
        return _padded(shown, [[margin, margin], [margin, margin], [0, 0]], paper)

    return tf.cond(tf.reduce_any(drawn), cut, lambda: pixels), paper


def _padded(pixels: tf.Tensor, paddings: Any, colour: tf.Tensor) -> tf.Tensor:
    """As ``tf.pad``, with a colour: uint8, one value a channel."""
    return tf.where(tf.pad(tf.ones_like(pixels, tf.bool), paddings), tf.pad(pixels, paddings), colour)


def _on_white(pixels: tf.Tensor) -> tf.Tensor:
    """uint8 [h, w, 2 or 4] whose last channel is alpha -> uint8 [h, w, 1 or 3], composited on white."""
    colour, alpha = tf.cast(pixels[:, :, :-1], tf.float32), tf.cast(pixels[:, :, -1:], tf.float32) / 255
    return _rounded(255 - alpha * (255 - colour))


def _rounded(pixels: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.clip_by_value(tf.round(pixels), 0, 255), tf.uint8)
