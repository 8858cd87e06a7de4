"""Bilinear interpolation."""

from models.network.lazy_keras import Tensor, ops


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
