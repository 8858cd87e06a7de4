"""Random erasing: a part of the image is not to be seen."""

from typing import Any

import keras
from keras import ops

from models.network.distances import Tensor

_LEAST = 0.02  # of the area


@keras.saving.register_keras_serializable("siamese")
class RandomErasing(keras.layers.Layer):
    """Fills a rectangle anywhere in half of the images with one value (Zhong et al. 2017).

    Keras's layer of this name always erases about the same share and knows no bound on it. Does nothing when not
    training.

    Args:
      area: the rectangle covers between 0.02 and this share of the image; its sides are in a ratio of 1:3 to 3:1.
      fill: the mean of the training pixels, so that what is hidden stands out neither way; 0 of normalised ones.
      seed: of the generator.

    Shapes: [n, height, width, channels] -> the same.
    """

    def __init__(self, area: float = 0.0, fill: float = 0.0, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.area, self.fill, self.seed = area, fill, seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, images: Tensor, training: bool = False) -> Tensor:
        if not training:
            return images
        height, width = images.shape[1], images.shape[2]
        chance, area, ratio, y, x = ops.unstack(
            keras.random.uniform((5, ops.shape(images)[0], 1, 1, 1), dtype="float32", seed=self.generator), num=5
        )
        area = _LEAST + area * max(self.area - _LEAST, 0.0)
        stretch = ops.power(3.0, 2 * ratio - 1)
        tall = ops.minimum(ops.sqrt(area * stretch), 1.0) * height
        wide = ops.minimum(ops.sqrt(area / stretch), 1.0) * width
        row = ops.arange(height, dtype="float32")[None, :, None, None] - y * (height - tall)
        column = ops.arange(width, dtype="float32")[None, None, :, None] - x * (width - wide)
        within = (row >= 0) & (row < tall) & (column >= 0) & (column < wide) & (chance < 0.5)
        return ops.where(within, ops.full_like(images, self.fill), images)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "area": self.area, "fill": self.fill, "seed": self.seed}
