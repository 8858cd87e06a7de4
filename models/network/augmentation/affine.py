"""Rotation, scale, shear, translation and crop: where each pixel of a training image comes from."""

import math
from typing import Any

import keras
from keras import ops

from models.network.augmentation.bilinear import bilinear
from models.network.distances import Tensor


@keras.saving.register_keras_serializable("siamese")
class RandomAffine(keras.layers.Layer):
    """Moves every image of a batch differently, in one bilinear resampling.

    Pixels from beyond the border repeat the edge. Does nothing when not training.

    Args:
      rotation: degrees, uniform in [-rotation, rotation].
      scale: the zoom is uniform in [1 - scale, 1 + scale].
      shear: degrees by which upright lines lean, uniform in [-shear, shear].
      translation: a share of each side, uniform in [-translation, translation].
      crop: a window of between 1 - crop and 1 of each side, anywhere within the image, is blown up to full size.
      mirror: whether half of the images are seen in a mirror, left for right.
      seed: of the generator.
      compiled: whether XLA compiles the step: it knows no projective transform, and gathers the same pixels itself.

    Shapes: [n, height, width, channels] -> the same.
    """

    def __init__(
        self,
        rotation: float = 0.0,
        scale: float = 0.0,
        crop: float = 0.0,
        shear: float = 0.0,
        translation: float = 0.0,
        mirror: bool = False,
        seed: int = 0,
        compiled: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rotation, self.scale, self.crop, self.seed = rotation, scale, crop, seed
        self.shear, self.translation, self.mirror, self.compiled = shear, translation, mirror, compiled
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images: Tensor, training: bool = False) -> Tensor:
        if not training:
            return images
        count, height, width = ops.shape(images)[0], images.shape[1], images.shape[2]
        angle = self._uniform(count, -self.rotation, self.rotation) * (math.pi / 180)
        window = self._uniform(count, 1 - self.crop, 1.0)
        shrink = window / self._uniform(count, 1 - self.scale, 1 + self.scale)
        lean = ops.tan(self._uniform(count, -self.shear, self.shear) * (math.pi / 180)) if self.shear else 0.0
        shift_x = self._shift(count, window) * (width - 1)
        shift_y = self._shift(count, window) * (height - 1)
        side = ops.sign(self._uniform(count, -1.0, 1.0)) if self.mirror else 1.0
        # The transform maps output to input coordinates, about the centre of the image: x' = xx x + xy y + ...
        centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
        cos, sin = ops.cos(angle) * shrink, ops.sin(angle) * shrink
        xx, xy, yx, yy = cos * side, cos * lean - sin, sin * side, sin * lean + cos
        to_x = (xx, xy, centre_x + shift_x - xx * centre_x - xy * centre_y)
        to_y = (yx, yy, centre_y + shift_y - yx * centre_x - yy * centre_y)
        return ops.cast(self._moved(ops.cast(images, "float32"), to_x, to_y), images.dtype)

    def _moved(self, images: Tensor, to_x: tuple[Tensor, ...], to_y: tuple[Tensor, ...]) -> Tensor:
        """The pixel at (x, y) comes from (a x + b y + c) of either axis; each of a, b, c is [n]."""
        if self.compiled:
            y, x = (axis[None] for axis in ops.meshgrid(*map(ops.arange, images.shape[1:3]), indexing="ij"))
            rows, columns = (
                ops.cast(x, "float32") * a[:, None, None] + ops.cast(y, "float32") * b[:, None, None] + c[:, None, None]
                for a, b, c in (to_y, to_x)
            )
            return bilinear(images, rows, columns)
        zero = ops.zeros_like(to_x[2])
        matrix = ops.stack([*to_x, *to_y, zero, zero], axis=1)
        return ops.image.affine_transform(images, matrix, interpolation="bilinear", fill_mode="nearest")

    def _shift(self, count: Tensor, window: Tensor) -> Tensor:
        """A share of the side: the window anywhere within the image, and the translation."""
        within = self._uniform(count, -0.5, 0.5) * (1 - window)
        return within + self._uniform(count, -self.translation, self.translation) if self.translation else within

    def _uniform(self, count: Tensor, low: float, high: float) -> Tensor:
        return keras.random.uniform((count,), low, high, dtype="float32", seed=self.generator)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        names = ("rotation", "scale", "crop", "shear", "translation", "mirror", "seed", "compiled")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
