"""Contrastive loss: genuine pairs are pulled together, impostors pushed beyond a margin."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, model_validator

from models.network.lazy_keras import Tensor, ops
from models.network.pairwise import batch_pairs, mean_where
from models.settings.interfaces import Distance, Loss


class Contrastive(Loss):
    """The two-margin form of Lin et al. 2018 over a batch, Hadsell, Chopra and LeCun 2006 over generated pairs."""

    name: ClassVar[str] = "contrastive"
    only_in_batches: ClassVar[tuple[str, ...]] = ("positive_margin",)
    # Random unit embeddings are 1.41 apart in Euclidean distance; the cosine ones are half the squares of those.
    margins: ClassVar[Mapping[str, Mapping[str, float]]] = {
        "euclidean": {"margin": 1.1, "positive_margin": 0.3},
        "cosine": {"margin": 0.6, "positive_margin": 0.05},
    }

    margin: float | None = Field(None, gt=0, le=10_000, description="impostors are pushed beyond this distance")
    positive_margin: float | None = Field(
        None, ge=0, le=10_000, description="genuine pairs closer than this cost nothing; form: batch"
    )

    @model_validator(mode="after")
    def _margins_in_order(self) -> "Contrastive":
        if self.margin is not None and self.positive_margin is not None and self.positive_margin >= self.margin:
            raise ValueError(f"positive_margin {self.positive_margin} must be below margin {self.margin}")
        return self

    def batch(self, labels: Tensor, embeddings: Tensor, distance: type[Distance]) -> Tensor:
        """Genuine pairs cost max(0, D - m+), impostor pairs max(0, m- - D).

        Each kind is averaged over its pairs that still cost something, so that the many easy impostors do not drown
        the rest (the non-zero averages of Musgrave et al. 2020).
        """
        between = distance.pairwise(embeddings)
        genuine, impostor = batch_pairs(labels)
        pull = ops.where(genuine, ops.maximum(between - self.positive_margin, 0.0), 0.0)
        push = ops.where(impostor, ops.maximum(self.margin - between, 0.0), 0.0)
        return mean_where(pull, pull > 0) + mean_where(push, push > 0)

    def pairs(self, same: Tensor, distance: Tensor) -> Tensor:
        """L = (1 - Y)/2 D^2 + Y/2 max(0, m - D)^2 with Y = 1 - same."""
        same = ops.cast(same, distance.dtype)
        pull = same / 2 * ops.square(distance)
        push = (1 - same) / 2 * ops.square(ops.maximum(0.0, self.margin - distance))
        return pull + push
