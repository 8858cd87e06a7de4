"""Contrastive losses: genuine pairs are pulled together, impostors pushed beyond a margin."""

from typing import Any

import keras
from keras import ops

from models.network.distances import DISTANCES, Tensor
from models.network.losses.batch_pairs import batch_pairs, mean_where


def contrastive(same: Tensor, distance: Tensor, margin: float) -> Tensor:
    """L = (1 - Y)/2 D^2 + Y/2 max(0, m - D)^2 with Y = 1 - same (Hadsell, Chopra, LeCun 2006).

    Args:
      same: [n], 1 for a genuine pair, 0 for an impostor pair.
      distance: [n], at least 0.
      margin: m, the distance beyond which an impostor costs nothing.

    Returns:
      [n], the loss of each pair.
    """
    same = ops.cast(same, distance.dtype)
    pull = same / 2 * ops.square(distance)
    push = (1 - same) / 2 * ops.square(ops.maximum(0.0, margin - distance))
    return pull + push


def in_batch_contrastive(
    labels: Tensor, embeddings: Tensor, *, distance: str, margin: float, positive_margin: float
) -> Tensor:
    """All pairs of a batch at once, with two margins.

    Genuine pairs cost max(0, D - m+), impostor pairs max(0, m- - D); each kind is averaged over its pairs that still
    cost something, so that the many easy impostors do not drown the rest (the two-margin form of Lin et al. 2018, the
    non-zero averages of Musgrave et al. 2020).

    Args:
      labels: [n] integers, as ``batch_pairs`` reads them.
      embeddings: [n, d].
      distance: a name in ``DISTANCES``.
      margin: m-.
      positive_margin: m+.

    Returns:
      The loss, a scalar.
    """
    between = DISTANCES[distance].pairwise(ops.cast(embeddings, "float32"))
    genuine, impostor = batch_pairs(ops.reshape(labels, (-1,)))
    pull = ops.where(genuine, ops.maximum(between - positive_margin, 0.0), 0.0)
    push = ops.where(impostor, ops.maximum(margin - between, 0.0), 0.0)
    return mean_where(pull, pull > 0) + mean_where(push, push > 0)


@keras.saving.register_keras_serializable("siamese")
class ContrastiveLoss(keras.losses.Loss):
    """``contrastive`` for ``compile``: y_true is ``same`` [n], y_pred the distance [n]."""

    def __init__(self, margin: float = 1.0, name: str = "contrastive", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.margin = margin

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return contrastive(ops.reshape(y_true, (-1,)), ops.reshape(y_pred, (-1,)), self.margin)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "margin": self.margin}


@keras.saving.register_keras_serializable("siamese")
class InBatchContrastiveLoss(keras.losses.Loss):
    """``in_batch_contrastive`` for ``compile``: y_true are identity labels [n], y_pred embeddings [n, d]."""

    def __init__(
        self,
        distance: str = "euclidean",
        margin: float = 1.1,
        positive_margin: float = 0.3,
        name: str = "in_batch_contrastive",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.distance, self.margin, self.positive_margin = distance, margin, positive_margin

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return in_batch_contrastive(
            y_true,
            y_pred,
            distance=self.distance,
            margin=self.margin,
            positive_margin=self.positive_margin,
        )

    def get_config(self) -> dict[str, Any]:
        own = {"distance": self.distance, "margin": self.margin, "positive_margin": self.positive_margin}
        return {**super().get_config(), **own}
