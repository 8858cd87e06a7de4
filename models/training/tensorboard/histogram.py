"""A histogram for TensorBoard, of any number of values."""

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorboard.plugins.histogram import metadata

_BUCKETS = 30  # TensorBoard's own number


def write_histogram(name: str, values: NDArray[Any]) -> None:
    """Writes what ``tf.summary.histogram`` would, to the current writer at its step.

    That one makes 30 doubles of every value: 9 GB of the largest layer of Koch's network. This takes a block of values
    at a time. Values that are not finite are not counted: training monitors stop a training that diverges.
    """
    tf.summary.write(name, _buckets(values), metadata=metadata.create_summary_metadata(None, None))


def _buckets(values: NDArray[Any]) -> NDArray[np.float64]:
    """[30, (left, right, count)]; of nothing, all zero; of a single value its number is in the last."""
    values = np.ravel(values)
    if not (finite := np.isfinite(values)).all():
        values = values[finite]
    if not values.size:
        return np.zeros((_BUCKETS, 3))
    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.array([[low, high, 0]] * (_BUCKETS - 1) + [[low, high, values.size]], np.float64)
    counts, edges = np.histogram(values, _BUCKETS, (low, high))
    return np.stack([edges[:-1], edges[1:], counts], axis=1)
