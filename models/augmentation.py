"""Random distortions of training images: on the accelerator, fresh at every step, never stored."""

import math
from typing import Any

import keras
from keras import ops

from models.distances import Tensor
from models.settings import AugmentationSettings


@keras.saving.register_keras_serializable("siamese")
class RandomAffine(keras.layers.Layer):
    """Rotates, scales and crops every image of a batch differently, in one bilinear resampling.

    Pixels from beyond the border repeat the edge. Does nothing when not training.

    Args:
      rotation: degrees, uniform in [-rotation, rotation].
      scale: the zoom is uniform in [1 - scale, 1 + scale].
      crop: a window of between 1 - crop and 1 of each side, anywhere within the image, is blown up to full size.
      seed: of the generator.

    Shapes: [n, height, width, channels] -> the same.
    """

    def __init__(
        self, rotation: float = 0.0, scale: float = 0.0, crop: float = 0.0, seed: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rotation, self.scale, self.crop, self.seed = rotation, scale, crop, seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images: Tensor, training: bool = False) -> Tensor:
        if not training:
            return images
        count, height, width = ops.shape(images)[0], images.shape[1], images.shape[2]
        angle = self._uniform(count, -self.rotation, self.rotation) * (math.pi / 180)
        window = self._uniform(count, 1 - self.crop, 1.0)
        shrink = window / self._uniform(count, 1 - self.scale, 1 + self.scale)
        shift_x = self._uniform(count, -0.5, 0.5) * (1 - window) * (width - 1)
        shift_y = self._uniform(count, -0.5, 0.5) * (1 - window) * (height - 1)
        # The transform maps output to input coordinates, about the centre of the image.
        centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
        cos, sin = ops.cos(angle) * shrink, ops.sin(angle) * shrink
        zero = ops.zeros_like(cos)
        matrix = ops.stack(
            [
                *(cos, -sin, centre_x + shift_x - cos * centre_x + sin * centre_y),
                *(sin, cos, centre_y + shift_y - sin * centre_x - cos * centre_y),
                *(zero, zero),
            ],
            axis=1,
        )
        moved = ops.image.affine_transform(
            ops.cast(images, "float32"), matrix, interpolation="bilinear", fill_mode="nearest"
        )
        return ops.cast(moved, images.dtype)

    def _uniform(self, count: Tensor, low: float, high: float) -> Tensor:
        return keras.random.uniform((count,), low, high, dtype="float32", seed=self.generator)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        own = {"rotation": self.rotation, "scale": self.scale, "crop": self.crop, "seed": self.seed}
        return {**super().get_config(), **own}


def build_augmentation(settings: AugmentationSettings, seed: int) -> keras.Sequential:
    """The layers in front of the encoder while it trains; one that does nothing where nothing is switched on."""
    layers: list[keras.layers.Layer] = []
    if settings.rotation or settings.scale or settings.crop:
        layers.append(RandomAffine(settings.rotation, settings.scale, settings.crop, seed, dtype="float32"))
    return keras.Sequential(layers or [keras.layers.Identity()], name="augmentation")
