"""The Manhattan distance, plain and with learned weights."""

import math
from typing import ClassVar

from models.network.lazy_keras import Tensor, ops
from models.settings.interfaces import Distance


class Manhattan(Distance):
    """sum(abs(a - b)). Sums of d differences grow faster than the root of d."""

    name: ClassVar[str] = "manhattan"

    @staticmethod
    def paired(a: Tensor, b: Tensor) -> Tensor:
        return ops.sum(ops.abs(a - b), axis=-1)

    @staticmethod
    def pairwise(x: Tensor) -> Tensor:
        return ops.sum(ops.abs(x[:, None, :] - x[None, :, :]), axis=-1)

    @classmethod
    def ratio(cls, size: int) -> float:
        return math.sqrt(2 * size / math.pi)

    @classmethod
    def largest(cls, size: int) -> float:
        return 2 * math.sqrt(size)


class WeightedManhattan(Manhattan):
    """sum(w abs(a - b)) = sum(abs(w a - w b)), the weights learned and never negative (after Koch et al. 2015).

    They begin at 1 / sqrt(d).
    """

    name: ClassVar[str] = "weighted_manhattan"
    learns_weights: ClassVar[bool] = True

    @classmethod
    def ratio(cls, size: int) -> float:
        del size
        return math.sqrt(2 / math.pi)

    @classmethod
    def largest(cls, size: int) -> float:
        del size
        return math.inf
