"""The preprocessing function of Transform: fitted on the train split, applied in training and serving."""

from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader

from models.data import features

# The transformed feature: float32 [height, width, channels], mean 0 and variance 1 over the train split.
IMAGE = "image"


def preprocessing_fn(inputs: dict[str, tf.Tensor], custom_config: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Raw pixels to a normalised image, by the mean and variance of each channel over the train split.

    Args:
      inputs: ``features.PIXELS``: string [n], uint8 row-major pixels.
      custom_config: ``image``: the fields of ``ImageSettings``; ``normalise``: false where the network has a
        preprocessing of its own, and gets pixels in [0, 1].

    Returns:
      ``IMAGE``: float32 [n, height, width, channels].
    """
    image = custom_config["image"]
    height, width, channels = image["height"], image["width"], image["channels"]
    decoded = tf.io.decode_raw(inputs[features.PIXELS], tf.uint8, fixed_length=height * width * channels)
    pixels = tf.reshape(tf.cast(decoded, tf.float32) / 255.0, [-1, height, width, channels])
    if not custom_config.get("normalise", True):
        return {IMAGE: pixels}
    # Averaged within each image first: the analyzers then see [n, channels], not every pixel.
    mean = tft.mean(tf.reduce_mean(pixels, axis=[1, 2]), reduce_instance_dims=False)
    square = tft.mean(tf.reduce_mean(tf.square(pixels), axis=[1, 2]), reduce_instance_dims=False)
    deviation = tf.sqrt(tf.maximum(square - tf.square(mean), 1e-6))
    return {IMAGE: (pixels - mean) / deviation}


class Normalisation(tf.Module):
    """The graph that Transform fitted, as a function: raw pixels, string [n] -> float32 [n, height, width, channels].

    TFT's own layer does the same; but TensorFlow takes seconds to trace and to save it, since it is a Keras 2 model.
    """

    def __init__(self, transform: tft.TFTransformOutput) -> None:
        super().__init__(name="normalisation")
        loader = SavedModelLoader(transform.transform_savedmodel_dir)
        self._loaded = vars(loader)["_imported"]  # whose variables and tables, if it has any, are saved with this
        self._apply = loader.apply_transform_model

    def __call__(self, raw: tf.Tensor) -> tf.Tensor:
        return self._apply({features.PIXELS: raw})[IMAGE]
