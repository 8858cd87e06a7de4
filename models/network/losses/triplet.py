"""Triplet loss: a genuine pair must be closer than the impostors of its anchor."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from models.network.lazy_keras import Tensor, ops
from models.network.pairwise import batch_pairs, mean_where
from models.settings.interfaces import Distance, Loss

_FAR = 1e9


class Triplet(Loss):
    """max(0, D(anchor, positive) - D(anchor, negative) + m), averaged over all genuine pairs (Schroff et al. 2015).

    The negative of a pair is semi-hard: the closest impostor of the anchor that is further than the positive; where
    none is, the furthest impostor. (The paper has squared distances; here it is the distance that serves.) A pair whose
    anchor has no impostor costs nothing.
    """

    name: ClassVar[str] = "triplet"
    margins: ClassVar[Mapping[str, Mapping[str, float]]] = {"euclidean": {"margin": 0.2}, "cosine": {"margin": 0.2}}

    margin: float | None = Field(None, gt=0, le=10_000, description="impostors are pushed beyond genuine pairs by this")

    def batch(self, labels: Tensor, embeddings: Tensor, distance: type[Distance]) -> Tensor:
        between = distance.pairwise(embeddings)
        genuine, impostor = batch_pairs(labels)
        # Axes: anchor, positive, negative.
        further = ops.logical_and(between[:, None, :] > between[:, :, None], impostor[:, None, :])
        closest_further = ops.min(ops.where(further, between[:, None, :], _FAR), axis=2)
        furthest = ops.max(ops.where(impostor, between, -_FAR), axis=1, keepdims=True)
        negative = ops.where(closest_further < _FAR, closest_further, furthest)
        counted = ops.logical_and(genuine, ops.any(impostor, axis=1, keepdims=True))
        costs = ops.where(counted, ops.maximum(between - negative + self.margin, 0.0), 0.0)
        return mean_where(costs, counted)
