"""Supervised contrastive loss: each genuine pair against all other pairs of its anchor."""

from typing import ClassVar

from pydantic import Field

from models.network.lazy_keras import Tensor, ops
from models.network.pairwise import batch_pairs, cosines, mean_where
from models.settings.interfaces import Distance, Loss

_NEVER = -1e9


class SupervisedContrastive(Loss):
    """-log(exp(S(i, p) / t) / sum over a != i of exp(S(i, a) / t)), the mean over positives p, then over anchors i.

    S is the cosine of two embeddings (L_out of Khosla et al. 2020). Anchors without a genuine pair do not count.
    """

    name: ClassVar[str] = "supervised_contrastive"
    of_cosines: ClassVar[bool] = True

    temperature: float = Field(0.1, ge=1e-4, le=10_000, description="what cosines are divided by")

    def batch(self, labels: Tensor, embeddings: Tensor, distance: type[Distance]) -> Tensor:
        del distance
        alike = cosines(embeddings) / self.temperature
        genuine, impostor = batch_pairs(labels)
        against = ops.logsumexp(ops.where(ops.logical_or(genuine, impostor), alike, _NEVER), axis=1, keepdims=True)
        positives = ops.cast(genuine, "float32")
        count = ops.sum(positives, axis=1)
        of_anchor = ops.sum((against - alike) * positives, axis=1) / ops.maximum(count, 1.0)
        return mean_where(of_anchor, count > 0)
