"""The moving statistics of normalisation, shared by the replicas of a training."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from models.training.hosts.cluster import hosts


class SharedStatistics(keras.callbacks.Callback):
    """Gives all replicas the mean of their moving statistics at the end of each epoch.

    Each updates them by its own part of every batch. Without this they would drift apart, and hosts that evaluate the
    validation pairs differently would not stop at the same epoch. List it first.
    """

    def __init__(self, encoder: keras.Model, strategy: tf.distribute.Strategy) -> None:
        super().__init__()
        self._strategy = strategy
        self._statistics = [one for one in encoder.non_trainable_variables if keras.backend.is_float_dtype(one.dtype)]

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        del epoch, logs
        means = over_all(self._strategy, lambda: [tf.convert_to_tensor(one) for one in self._statistics])
        for one, mean in zip(self._statistics, means, strict=True):
            one.assign(mean)


def over_all(strategy: tf.distribute.Strategy, values: Any) -> list[tf.Tensor]:
    """The means over all replicas of the tensors that ``values()`` gives in each; returns when all have called it."""
    each = tf.function(lambda: strategy.run(values))()
    return [strategy.reduce(tf.distribute.ReduceOp.MEAN, value, axis=None) for value in each]


@contextmanager
def once(strategy: tf.distribute.Strategy) -> Iterator[bool]:
    """For what one host alone does: whether this is the chief. No host leaves the context before the chief has."""
    yield hosts().chief
    if hosts().count > 1:
        over_all(strategy, lambda: [tf.constant(1.0)])
