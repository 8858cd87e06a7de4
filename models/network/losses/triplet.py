"""Triplet loss: a genuine pair must be closer than the impostors of its anchor."""

from typing import Any

import keras
from keras import ops

from models.network.distances import DISTANCES, Tensor
from models.network.losses.batch_pairs import batch_pairs, mean_where

_FAR = 1e9


def semi_hard_triplet(labels: Tensor, embeddings: Tensor, *, distance: str, margin: float) -> Tensor:
    """max(0, D(anchor, positive) - D(anchor, negative) + m), averaged over all genuine pairs (Schroff et al. 2015).

    The negative of a pair is semi-hard: the closest impostor of the anchor that is further than the positive; where
    none is, the furthest impostor. (The paper has squared distances; here it is the distance that serves.) A pair whose
    anchor has no impostor costs nothing.

    Args:
      labels: [n] integers, as ``batch_pairs`` reads them.
      embeddings: [n, d].
      distance: a name in ``DISTANCES``.
      margin: m.

    Returns:
      The loss, a scalar.
    """
    between = DISTANCES[distance].pairwise(ops.cast(embeddings, "float32"))
    genuine, impostor = batch_pairs(ops.reshape(labels, (-1,)))
    further = ops.logical_and(
        between[:, None, :] > between[:, :, None], impostor[:, None, :]
    )  # anchor, positive, negative
    closest_further = ops.min(ops.where(further, between[:, None, :], _FAR), axis=2)
    furthest = ops.max(ops.where(impostor, between, -_FAR), axis=1, keepdims=True)
    negative = ops.where(closest_further < _FAR, closest_further, furthest)
    counted = ops.logical_and(genuine, ops.any(impostor, axis=1, keepdims=True))
    costs = ops.where(counted, ops.maximum(between - negative + margin, 0.0), 0.0)
    return mean_where(costs, counted)


@keras.saving.register_keras_serializable("siamese")
class TripletLoss(keras.losses.Loss):
    """``semi_hard_triplet`` for ``compile``: y_true are identity labels [n], y_pred embeddings [n, d]."""

    def __init__(self, distance: str = "euclidean", margin: float = 0.2, name: str = "triplet", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.distance, self.margin = distance, margin

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return semi_hard_triplet(y_true, y_pred, distance=self.distance, margin=self.margin)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "distance": self.distance, "margin": self.margin}
