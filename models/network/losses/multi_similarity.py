"""Multi-similarity loss: each pair counts by how it compares with the other pairs of its anchor."""

from typing import Any

import keras
from keras import ops

from models.network.distances import Tensor, cosines
from models.network.losses.batch_pairs import batch_pairs, mean_where

_NEVER = -1e9


def multi_similarity(
    labels: Tensor, embeddings: Tensor, *, alpha: float, beta: float, base: float, epsilon: float
) -> Tensor:
    """log(1 + sum_P exp(-alpha (S - base))) / alpha + log(1 + sum_N exp(beta (S - base))) / beta (Wang et al. 2019).

    S is the cosine of two embeddings. P are the genuine pairs of an anchor that are less alike than its most alike
    impostor plus epsilon, N its impostors that are more alike than its least alike genuine pair minus epsilon. The mean
    is over anchors that have both genuine pairs and impostors.

    Args:
      labels: [n] integers, as ``batch_pairs`` reads them.
      embeddings: [n, d].
      alpha: weight of genuine pairs.
      beta: weight of impostors.
      base: the paper's lambda.
      epsilon: of the mining.

    Returns:
      The loss, a scalar.
    """
    alike = cosines(ops.cast(embeddings, "float32"))
    genuine, impostor = batch_pairs(ops.reshape(labels, (-1,)))
    most_alike_impostor = ops.max(ops.where(impostor, alike, -2.0), axis=1, keepdims=True)
    least_alike_genuine = ops.min(ops.where(genuine, alike, 2.0), axis=1, keepdims=True)
    pulled = ops.logical_and(genuine, alike - epsilon < most_alike_impostor)
    pushed = ops.logical_and(impostor, alike + epsilon > least_alike_genuine)
    pull = _log_one_plus(ops.where(pulled, -alpha * (alike - base), _NEVER)) / alpha
    push = _log_one_plus(ops.where(pushed, beta * (alike - base), _NEVER)) / beta
    anchors = ops.logical_and(ops.any(genuine, axis=1), ops.any(impostor, axis=1))
    return mean_where(pull + push, anchors)


def _log_one_plus(exponents: Tensor) -> Tensor:
    """log(1 + sum(exp(x))) of each row, without overflow."""
    return ops.logsumexp(ops.pad(exponents, ((0, 0), (1, 0))), axis=1)


@keras.saving.register_keras_serializable("siamese")
class MultiSimilarityLoss(keras.losses.Loss):
    """``multi_similarity`` for ``compile``: y_true are identity labels [n], y_pred embeddings [n, d]."""

    def __init__(
        self,
        alpha: float = 2.0,
        beta: float = 50.0,
        base: float = 0.5,
        epsilon: float = 0.1,
        name: str = "multi_similarity",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.options = {"alpha": alpha, "beta": beta, "base": base, "epsilon": epsilon}

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return multi_similarity(y_true, y_pred, **self.options)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.options}
