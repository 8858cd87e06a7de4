"""Multi-similarity loss: each pair counts by how it compares with the other pairs of its anchor."""

from typing import ClassVar

from pydantic import Field

from models.network.lazy_keras import Tensor, ops
from models.network.pairwise import batch_pairs, cosines, mean_where
from models.settings.interfaces import Distance, Loss

_NEVER = -1e9


class MultiSimilarity(Loss):
    """log(1 + sum_P exp(-alpha (S - base))) / alpha + log(1 + sum_N exp(beta (S - base))) / beta (Wang et al. 2019).

    S is the cosine of two embeddings. P are the genuine pairs of an anchor that are less alike than its most alike
    impostor plus epsilon, N its impostors that are more alike than its least alike genuine pair minus epsilon. The mean
    is over anchors that have both genuine pairs and impostors.
    """

    name: ClassVar[str] = "multi_similarity"
    of_cosines: ClassVar[bool] = True

    alpha: float = Field(2.0, gt=0, le=10_000, description="weight of genuine pairs")
    beta: float = Field(50.0, gt=0, le=10_000, description="weight of impostors")
    base: float = Field(0.5, gt=-1, lt=1, description="the cosine between genuine and impostor pairs")
    epsilon: float = Field(0.1, ge=0, le=10_000, description="pairs easier than the hardest by this do not count")

    def batch(self, labels: Tensor, embeddings: Tensor, distance: type[Distance]) -> Tensor:
        del distance
        alike = cosines(embeddings)
        genuine, impostor = batch_pairs(labels)
        most_alike_impostor = ops.max(ops.where(impostor, alike, -2.0), axis=1, keepdims=True)
        least_alike_genuine = ops.min(ops.where(genuine, alike, 2.0), axis=1, keepdims=True)
        pulled = ops.logical_and(genuine, alike - self.epsilon < most_alike_impostor)
        pushed = ops.logical_and(impostor, alike + self.epsilon > least_alike_genuine)
        pull = _log_one_plus(ops.where(pulled, -self.alpha * (alike - self.base), _NEVER)) / self.alpha
        push = _log_one_plus(ops.where(pushed, self.beta * (alike - self.base), _NEVER)) / self.beta
        anchors = ops.logical_and(ops.any(genuine, axis=1), ops.any(impostor, axis=1))
        return mean_where(pull + push, anchors)


def _log_one_plus(exponents: Tensor) -> Tensor:
    """log(1 + sum(exp(x))) of each row, without overflow."""
    return ops.logsumexp(ops.pad(exponents, ((0, 0), (1, 0))), axis=1)
