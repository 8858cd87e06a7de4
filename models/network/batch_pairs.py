"""All pairs of a batch: which are genuine, which are impostors, and which are neither."""

from models.data.features import FORGED
from models.network.lazy_keras import Tensor, ops


def batch_pairs(labels: Tensor) -> tuple[Tensor, Tensor]:
    """The genuine and the impostor pairs among images with ``labels``.

    A forgery is an impostor to every image but other forgeries: who made those is not known, so two of them are
    neither.

    Args:
      labels: [n] integers: images with the same label show the same identity; ``FORGED`` labels a forgery.

    Returns:
      (genuine, impostor), bool [n, n], symmetric; no image is paired with itself.
    """
    same = ops.equal(labels[:, None], labels[None, :])
    itself = ops.eye(ops.shape(labels)[0], dtype="bool")
    genuine = ops.logical_and(ops.logical_and(same, ops.logical_not(itself)), (labels != FORGED)[:, None])
    return genuine, ops.logical_not(same)


def mean_where(costs: Tensor, which: Tensor) -> Tensor:
    """The mean of ``costs`` where ``which`` holds, a scalar; 0 where it holds nowhere."""
    which = ops.cast(which, "float32")
    return ops.sum(costs * which) / ops.maximum(ops.sum(which), 1.0)
