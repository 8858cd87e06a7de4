"""Losses: a module each, registered by being in this folder."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from models.network.distances import DISTANCES
from models.network.lazy_keras import Tensor, ops
from models.settings.interfaces import Loss
from models.settings.registry import Registry

if TYPE_CHECKING:
    from models.settings.loss import LossSettings

LOSSES = Registry(__name__, Loss)


def build_loss(settings: "LossSettings") -> Callable[[Tensor, Tensor], Tensor]:
    """(y_true, y_pred) -> the loss that the settings describe, for ``compile``.

    Form batch: identity labels [n], embeddings [n, d] -> a scalar. Form pairs: ``same`` [n], distances [n] -> [n].
    """
    chosen, distance = settings.chosen, DISTANCES[settings.distance]

    def batch(y_true: Tensor, y_pred: Tensor) -> Tensor:
        return chosen.batch(ops.reshape(y_true, (-1,)), ops.cast(y_pred, "float32"), distance)

    def pairs(y_true: Tensor, y_pred: Tensor) -> Tensor:
        return chosen.pairs(ops.reshape(y_true, (-1,)), ops.reshape(y_pred, (-1,)))

    return batch if settings.form == "batch" else pairs
