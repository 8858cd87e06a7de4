"""The Euclidean distance."""

from typing import ClassVar

from models.network.lazy_keras import Tensor, ops
from models.network.pairwise import products, root
from models.settings.interfaces import Distance


class Euclidean(Distance):
    """sqrt(sum((a - b)^2)). In [0, 2] on the unit sphere, where d^2 = 2 - 2 cos."""

    name: ClassVar[str] = "euclidean"
    orders_as_cosine: ClassVar[bool] = True

    @staticmethod
    def paired(a: Tensor, b: Tensor) -> Tensor:
        return root(ops.sum(ops.square(a - b), axis=-1))

    @staticmethod
    def pairwise(x: Tensor) -> Tensor:
        double = ops.cast(x, "float64")
        squares = ops.sum(ops.square(double), axis=-1)
        return ops.cast(root(squares[:, None] + squares[None, :] - 2 * products(double)), x.dtype)

    @classmethod
    def largest(cls, size: int) -> float:
        del size
        return 2.0
