"""Rotation, scale, shear, translation, crop and mirror: an affine map from output to input coordinates."""

import math
from typing import Any, ClassVar

from pydantic import Field

from models.network.lazy_keras import Tensor, ops
from models.settings.interfaces import Augmentation, Step


class Affine(Augmentation):
    """Moves every image of a batch differently, in one bilinear interpolation.

    Pixels from beyond the border repeat the edge. All draws are uniform. A crop is a window of between 1 - crop and 1
    of each side, anywhere within the image, enlarged to full size.
    """

    name: ClassVar[str] = "affine"
    order: ClassVar[int] = 2

    rotation: float = Field(0.0, ge=0, le=180, description="degrees, either way")
    scale: float = Field(0.0, ge=0, lt=1, description="0.1 zooms between 0.9 and 1.1")
    crop: float = Field(0.0, ge=0, lt=1, description="0.1 crops up to a tenth of each side")
    shear: float = Field(0.0, ge=0, le=45, description="degrees that upright lines lean, either way")
    translation: float = Field(0.0, ge=0, lt=1, description="0.1 shifts by up to a tenth of each side")
    mirror: bool = Field(False, description="half of the images left for right")

    def distort(self, images: Tensor, step: Step) -> Tensor:
        count, height, width = ops.shape(images)[0], images.shape[1], images.shape[2]

        def uniform(low: float, high: float) -> Tensor:
            return step.uniform((count,), low, high)

        angle = uniform(-self.rotation, self.rotation) * (math.pi / 180)
        window = uniform(1 - self.crop, 1.0)
        shrink = window / uniform(1 - self.scale, 1 + self.scale)
        lean = ops.tan(uniform(-self.shear, self.shear) * (math.pi / 180)) if self.shear else 0.0
        shift_x, shift_y = (self._shift(uniform, window) * (side - 1) for side in (width, height))
        side = ops.sign(uniform(-1.0, 1.0)) if self.mirror else 1.0
        # The transform maps output to input coordinates, about the centre of the image: x' = xx x + xy y + ...
        centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
        cos, sin = ops.cos(angle) * shrink, ops.sin(angle) * shrink
        xx, xy, yx, yy = cos * side, cos * lean - sin, sin * side, sin * lean + cos
        to_x = (xx, xy, centre_x + shift_x - xx * centre_x - xy * centre_y)
        to_y = (yx, yy, centre_y + shift_y - yx * centre_x - yy * centre_y)
        return _moved(images, to_x, to_y, step.compiled)

    def _shift(self, uniform: Any, window: Tensor) -> Tensor:
        """The window anywhere within the image, and the translation: a share of a side."""
        within = uniform(-0.5, 0.5) * (1 - window)
        return within + uniform(-self.translation, self.translation) if self.translation else within


def _moved(images: Tensor, to_x: tuple[Tensor, ...], to_y: tuple[Tensor, ...], compiled: bool) -> Tensor:
    """The pixel at (x, y) comes from (a x + b y + c) of either axis; each of a, b, c is [n].

    XLA has no projective transform; where it compiles the step, the same pixels are gathered instead.
    """
    if compiled:
        y, x = (axis[None] for axis in ops.meshgrid(*map(ops.arange, images.shape[1:3]), indexing="ij"))
        rows, columns = (
            ops.cast(x, "float32") * a[:, None, None] + ops.cast(y, "float32") * b[:, None, None] + c[:, None, None]
            for a, b, c in (to_y, to_x)
        )
        return bilinear(images, rows, columns)
    zero = ops.zeros_like(to_x[2])
    matrix = ops.stack([*to_x, *to_y, zero, zero], axis=1)
    return ops.image.affine_transform(images, matrix, interpolation="bilinear", fill_mode="nearest")


def bilinear(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Pixels at fractional coordinates, interpolated between their four neighbours; beyond the border the edge repeats.

    Args:
      images: float [n, height, width, channels].
      rows: float [n, height, width], where in the image each pixel of the result comes from.
      columns: the same.

    Returns:
      [n, height, width, channels].
    """
    height, width, channels = images.shape[1:]
    rows, columns = ops.clip(rows, 0.0, height - 1.0), ops.clip(columns, 0.0, width - 1.0)
    top, left = ops.floor(rows), ops.floor(columns)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    top, left = ops.cast(top, "int32"), ops.cast(left, "int32")
    below, beside = ops.minimum(top + 1, height - 1), ops.minimum(left + 1, width - 1)
    pixels = ops.reshape(images, (-1, height * width, channels))

    def at(row: Tensor, column: Tensor) -> Tensor:
        indices = ops.reshape(row * width + column, (-1, height * width, 1))
        return ops.reshape(ops.take_along_axis(pixels, indices, axis=1), (-1, height, width, channels))

    upper = at(top, left) * (1 - right) + at(top, beside) * right
    lower = at(below, left) * (1 - right) + at(below, beside) * right
    return upper * (1 - down) + lower * down
