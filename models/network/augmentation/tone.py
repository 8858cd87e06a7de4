"""Brightness and contrast: the same thing in another light."""

from typing import Any

import keras
from keras import ops

from models.network.distances import Tensor


@keras.saving.register_keras_serializable("siamese")
class RandomTone(keras.layers.Layer):
    """Lightens or darkens each image, and strengthens or weakens its contrast. Does nothing when not training.

    Args:
      brightness: added to all pixels, uniform in [-brightness, brightness].
      contrast: the deviations from the image's own mean are multiplied by 1 - contrast to 1 + contrast.
      ends: black and white, beyond which no pixel goes; or none.
      seed: of the generator.

    Shapes: [n, height, width, channels] -> the same.
    """

    def __init__(
        self,
        brightness: float = 0.0,
        contrast: float = 0.0,
        ends: tuple[float, float] | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.brightness, self.contrast, self.ends, self.seed = brightness, contrast, ends, seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images: Tensor, training: bool = False) -> Tensor:
        if not training:
            return images
        shape = (ops.shape(images)[0], 1, 1, 1)
        added, factor = (
            keras.random.uniform(shape, -bound, bound, dtype="float32", seed=self.generator)
            for bound in (self.brightness, self.contrast)
        )
        pixels = ops.cast(images, "float32")
        mean = ops.mean(pixels, axis=(1, 2, 3), keepdims=True)
        toned = pixels + added + factor * (pixels - mean)
        return ops.cast(ops.clip(toned, *self.ends) if self.ends else toned, images.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        own = {"brightness": self.brightness, "contrast": self.contrast, "ends": self.ends, "seed": self.seed}
        return {**super().get_config(), **own}
