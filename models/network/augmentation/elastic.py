"""Elastic distortion: the paper is stretched here and pressed there, as no two people write alike."""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from models.network.augmentation.bilinear import bilinear
from models.network.distances import Tensor


@keras.saving.register_keras_serializable("siamese")
class RandomElastic(keras.layers.Layer):
    """Moves the knots of a coarse grid at random, and every pixel smoothly with the knots around it.

    After Simard et al. 2003, with the smooth field made as Ronneberger et al. 2015 make it: bicubic between few
    displacements, here uniform ones. Pixels from beyond the border repeat the edge. Does nothing when not training.

    Args:
      strength: the share of each side by which a knot moves at most, either way.
      knots: of the grid, along each side.
      seed: of the generator.

    Shapes: [n, height, width, channels] -> the same.
    """

    def __init__(self, strength: float = 0.0, knots: int = 4, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.strength, self.knots, self.seed = strength, knots, seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images: Tensor, training: bool = False) -> Tensor:
        if not training:
            return images
        count, height, width = ops.shape(images)[0], images.shape[1], images.shape[2]
        shape = (count, self.knots, self.knots, 2)
        moved = keras.random.uniform(shape, -self.strength, self.strength, dtype="float32", seed=self.generator)
        field = ops.einsum("hi,nijc,wj->nhwc", bicubic(self.knots, height), moved, bicubic(self.knots, width))
        rows = ops.arange(height, dtype="float32")[:, None] + field[..., 0] * height
        columns = ops.arange(width, dtype="float32")[None, :] + field[..., 1] * width
        return ops.cast(bilinear(ops.cast(images, "float32"), rows, columns), images.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "strength": self.strength, "knots": self.knots, "seed": self.seed}


def bicubic(knots: int, size: int) -> NDArray[np.float32]:
    """What each of ``size`` pixels takes of each of the ``knots`` along a side: [size, knots], rows that add up to 1.

    The weights of Keys 1981 between the centres of knots, those of knots beyond the border left out: what
    ``resize(..., "bicubic")`` gives, which XLA cannot compile, as two products.
    """
    places = (np.arange(size) + 0.5) * knots / size - 0.5
    far = np.abs(places[:, None] - np.arange(knots))
    near, beside = (1.5 * far - 2.5) * far**2 + 1, ((2.5 - 0.5 * far) * far - 4) * far + 2
    weights = np.where(far < 1, near, np.where(far < 2, beside, 0))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
