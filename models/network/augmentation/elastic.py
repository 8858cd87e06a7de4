"""Elastic distortion: parts of the image are stretched and pressed, as no two people write alike."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from models.network.augmentation.affine import bilinear
from models.network.lazy_keras import Tensor, ops
from models.settings.interfaces import Augmentation, Step

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_KNOTS = 4  # of the grid, along each side


class Elastic(Augmentation):
    """Moves the knots of a coarse grid at random, and every pixel smoothly with the knots around it.

    After Simard et al. 2003, with the smooth field made as Ronneberger et al. 2015 make it: bicubic between few
    displacements, here uniform ones. Pixels from beyond the border repeat the edge.
    """

    name: ClassVar[str] = "elastic"
    order: ClassVar[int] = 1

    elastic: float = Field(0.0, ge=0, le=0.25, description="0.05 bends by up to a twentieth of each side")

    def distort(self, images: Tensor, step: Step) -> Tensor:
        count, height, width = ops.shape(images)[0], images.shape[1], images.shape[2]
        moved = step.uniform((count, _KNOTS, _KNOTS, 2), -self.elastic, self.elastic)
        field = ops.einsum("hi,nijc,wj->nhwc", bicubic(_KNOTS, height), moved, bicubic(_KNOTS, width))
        rows = ops.arange(height, dtype="float32")[:, None] + field[..., 0] * height
        columns = ops.arange(width, dtype="float32")[None, :] + field[..., 1] * width
        return bilinear(images, rows, columns)


def bicubic(knots: int, size: int) -> "NDArray[np.float32]":
    """The weight of each of the ``knots`` along a side for each of ``size`` pixels: [size, knots], rows add up to 1.

    The weights of Keys 1981 between the centres of knots, those of knots beyond the border left out: the result of
    ``resize(..., "bicubic")``, which XLA cannot compile, as two products.
    """
    import numpy as np

    centres = (np.arange(size) + 0.5) * knots / size - 0.5
    far = np.abs(centres[:, None] - np.arange(knots))
    near, beside = (1.5 * far - 2.5) * far**2 + 1, ((2.5 - 0.5 * far) * far - 4) * far + 2
    weights = np.where(far < 1, near, np.where(far < 2, beside, 0))
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
