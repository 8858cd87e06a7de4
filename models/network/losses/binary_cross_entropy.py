"""Binary cross-entropy on the probability that a pair is genuine, a learned logistic function of the distance."""

from typing import Any, ClassVar

from models.network.lazy_keras import Tensor, ops
from models.network.pairwise import batch_pairs, mean_where
from models.settings.interfaces import Distance, Loss


class BinaryCrossEntropy(Loss):
    """-log p of a genuine pair, -log(1 - p) of an impostor pair, with p = sigmoid(logit) (Koch et al. 2015)."""

    name: ClassVar[str] = "binary_cross_entropy"

    def head(self, scale: float) -> Any:
        from models.network.layers import PairLogit

        layer = PairLogit(scale, dtype="float32", name="pair_logit")
        layer.build((None,))  # its variables are there before the first step, for a checkpoint to fill
        return layer

    def batch(self, labels: Tensor, embeddings: Tensor, distance: type[Distance]) -> Tensor:
        """The mean over genuine pairs and that over impostors, averaged; the embeddings are logits [n, n]."""
        del distance
        genuine, impostor = batch_pairs(labels)
        costs = self.pairs(genuine, embeddings)
        return (mean_where(costs, genuine) + mean_where(costs, impostor)) / 2

    def pairs(self, same: Tensor, distance: Tensor) -> Tensor:
        """The distances are logits, higher is more alike."""
        return ops.softplus(ops.where(ops.cast(same, "bool"), -distance, distance))
