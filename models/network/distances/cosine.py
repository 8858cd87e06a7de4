"""The cosine distance."""

from typing import ClassVar

from models.network.lazy_keras import Tensor, ops
from models.network.pairwise import cosines, unit
from models.settings.interfaces import Distance


class Cosine(Distance):
    """1 - cos(a, b), in [0, 2]."""

    name: ClassVar[str] = "cosine"
    margin_unit: ClassVar[str] = "cosine"
    ignores_length: ClassVar[bool] = True
    orders_as_cosine: ClassVar[bool] = True

    @staticmethod
    def paired(a: Tensor, b: Tensor) -> Tensor:
        return 1 - ops.sum(unit(a) * unit(b), axis=-1)

    @staticmethod
    def pairwise(x: Tensor) -> Tensor:
        return 1 - cosines(x)

    @classmethod
    def largest(cls, size: int) -> float:
        del size
        return 2.0
