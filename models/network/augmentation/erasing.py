"""Random erasing: a part of the image is hidden."""

from typing import ClassVar

from pydantic import Field

from models.network.lazy_keras import Tensor, ops
from models.settings.interfaces import Augmentation, Step

_LEAST = 0.02  # of the area


class Erasing(Augmentation):
    """Fills a rectangle anywhere in half of the images with one value (Zhong et al. 2017).

    The rectangle covers between 0.02 and the set share of the image; its sides are in a ratio of 1:3 to 3:1. It takes
    the mean of the training pixels. Keras's layer of this name always erases about the same share and has no bound.
    """

    name: ClassVar[str] = "erasing"
    order: ClassVar[int] = 4

    erasing: float = Field(0.0, ge=0, lt=1, description="0.2 hides up to a fifth of every second image")

    def distort(self, images: Tensor, step: Step) -> Tensor:
        height, width = images.shape[1], images.shape[2]
        drawn = step.uniform((5, ops.shape(images)[0], 1, 1, 1), 0.0, 1.0)
        chance, area, ratio, y, x = ops.unstack(drawn, num=5)
        area = _LEAST + area * max(self.erasing - _LEAST, 0.0)
        stretch = ops.power(3.0, 2 * ratio - 1)
        tall = ops.minimum(ops.sqrt(area * stretch), 1.0) * height
        wide = ops.minimum(ops.sqrt(area / stretch), 1.0) * width
        row = ops.arange(height, dtype="float32")[None, :, None, None] - y * (height - tall)
        column = ops.arange(width, dtype="float32")[None, None, :, None] - x * (width - wide)
        within = (row >= 0) & (row < tall) & (column >= 0) & (column < wide) & (chance < 0.5)
        return ops.where(within, ops.full_like(images, step.pixels.mean), images)
