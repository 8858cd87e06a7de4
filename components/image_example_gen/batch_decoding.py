"""Canonical pixels of several encoded images by one call of TensorFlow, which is slower than decoding a small image."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.data import canonical_pixels
from models.settings import ImageSettings


class Decoder:
    """Decodes one image after another, so that only one is in memory in full size. Threads may share it."""

    def __init__(self, image: ImageSettings) -> None:
        one = tf.TensorSpec([image.height, image.width, image.channels], tf.uint8)

        def decode(encoded: tf.Tensor) -> tf.Tensor:
            return tf.map_fn(
                lambda data: canonical_pixels.decode(data, image),
                encoded,
                fn_output_signature=one,
                parallel_iterations=1,
            )

        function = tf.function(decode, autograph=False)
        self._decode = function.get_concrete_function(tf.TensorSpec([None], tf.string))

    def __call__(self, encoded: Sequence[bytes]) -> list[NDArray[np.uint8] | None]:
        """The result of ``canonical_pixels.decode`` for each image; None where TensorFlow cannot decode it."""
        if not encoded:
            return []
        try:
            return list(self._decode(tf.constant(encoded, tf.string)).numpy())
        except tf.errors.InvalidArgumentError:  # of one image, which it does not name
            if len(encoded) == 1:
                return [None]
            half = len(encoded) // 2
            return self(encoded[:half]) + self(encoded[half:])
