"""Binary cross-entropy on the chance that a pair is genuine, which falls with the distance as the training learns."""

from typing import Any

import keras
import numpy as np
from keras import ops

from models.network.distances import Tensor
from models.network.losses.batch_pairs import batch_pairs, mean_where

_THRESHOLD, _SLOPE = 0.7, 5.0  # where it begins: unit embeddings of two random images are 1.4 apart


@keras.saving.register_keras_serializable("siamese")
class LearnedVerdict(keras.layers.Layer):
    """logit(same) = slope * (threshold - distance), both learned, the slope always positive (Koch et al. 2015).

    Koch's sigmoid is over a learned weighted L1 distance: ``loss.distance: weighted_manhattan``. Any distance goes.
    What is learned here serves the training alone; what serves is calibrated on the validation split.

    Shapes: distances [...] -> logits [...].

    Args:
      scale: how far random embeddings lie apart, compared with unit ones: it begins with a threshold that is as much
        larger, and a slope that is as much smaller.
    """

    def __init__(self, scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        del input_shape
        self.threshold = self.add_weight((), keras.initializers.Constant(_THRESHOLD * self.scale), name="threshold")
        self.log_slope = self.add_weight(
            (), keras.initializers.Constant(float(np.log(_SLOPE / self.scale))), name="log_slope"
        )

    def call(self, distance: Tensor) -> Tensor:
        return ops.exp(self.log_slope) * (self.threshold - distance)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale}


def binary_cross_entropy(same: Tensor, logit: Tensor) -> Tensor:
    """-log p of a genuine pair, -log(1 - p) of an impostor pair, with p = sigmoid(logit).

    Args:
      same: bool or 0/1, any shape: 1 for a genuine pair.
      logit: float, the same shape: higher is more alike.

    Returns:
      The loss of each pair, the same shape.
    """
    return ops.softplus(ops.where(ops.cast(same, "bool"), -logit, logit))


def in_batch_binary_cross_entropy(labels: Tensor, logits: Tensor) -> Tensor:
    """``binary_cross_entropy`` of all pairs of a batch; genuine pairs and impostors count as much as each other.

    Args:
      labels: [n] integers, as ``batch_pairs`` reads them.
      logits: [n, n].

    Returns:
      The loss, a scalar: the mean over genuine pairs and that over impostors, averaged.
    """
    genuine, impostor = batch_pairs(ops.reshape(labels, (-1,)))
    costs = binary_cross_entropy(genuine, ops.cast(logits, "float32"))
    return (mean_where(costs, genuine) + mean_where(costs, impostor)) / 2


@keras.saving.register_keras_serializable("siamese")
class BinaryCrossEntropyLoss(keras.losses.Loss):
    """``binary_cross_entropy`` for ``compile``: y_true is ``same`` [n], y_pred the logit [n]."""

    def __init__(self, name: str = "binary_cross_entropy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return binary_cross_entropy(ops.reshape(y_true, (-1,)), ops.reshape(y_pred, (-1,)))


@keras.saving.register_keras_serializable("siamese")
class InBatchBinaryCrossEntropyLoss(keras.losses.Loss):
    """``in_batch_binary_cross_entropy`` for ``compile``: y_true are identity labels [n], y_pred logits [n, n]."""

    def __init__(self, name: str = "in_batch_binary_cross_entropy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return in_batch_binary_cross_entropy(y_true, y_pred)
