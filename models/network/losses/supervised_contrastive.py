"""Supervised contrastive loss: each genuine pair against everything else that its anchor is compared with."""

from typing import Any

import keras
from keras import ops

from models.network.distances import Tensor, cosines
from models.network.losses.batch_pairs import batch_pairs, mean_where

_NEVER = -1e9


def supervised_contrastive(labels: Tensor, embeddings: Tensor, *, temperature: float) -> Tensor:
    """-log(exp(S(i, p) / t) / sum over a != i of exp(S(i, a) / t)), the mean over positives p, then over anchors i.

    S is the cosine of two embeddings (L_out of Khosla et al. 2020). Anchors without a genuine pair do not count.

    Args:
      labels: [n] integers, as ``batch_pairs`` reads them.
      embeddings: [n, d].
      temperature: t.

    Returns:
      The loss, a scalar.
    """
    alike = cosines(ops.cast(embeddings, "float32")) / temperature
    genuine, impostor = batch_pairs(ops.reshape(labels, (-1,)))
    against = ops.logsumexp(ops.where(ops.logical_or(genuine, impostor), alike, _NEVER), axis=1, keepdims=True)
    positives = ops.cast(genuine, "float32")
    count = ops.sum(positives, axis=1)
    of_anchor = ops.sum((against - alike) * positives, axis=1) / ops.maximum(count, 1.0)
    return mean_where(of_anchor, count > 0)


@keras.saving.register_keras_serializable("siamese")
class SupervisedContrastiveLoss(keras.losses.Loss):
    """``supervised_contrastive`` for ``compile``: y_true are identity labels [n], y_pred embeddings [n, d]."""

    def __init__(self, temperature: float = 0.1, name: str = "supervised_contrastive", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.temperature = temperature

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return supervised_contrastive(y_true, y_pred, temperature=self.temperature)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "temperature": self.temperature}
