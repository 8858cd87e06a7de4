"""What distances and losses are made of: lengths and cosines of embeddings, genuine and impostor pairs of a batch."""

from models.data.features import FORGED
from models.network.lazy_keras import Tensor, ops

# Roots are taken of at least this, so that the gradient at distance 0 is finite.
EPSILON = 1e-12


def root(squared: Tensor, least: float = EPSILON) -> Tensor:
    """The square root, of at least ``least``."""
    return ops.sqrt(ops.maximum(squared, least))


def products(double: Tensor) -> Tensor:
    """float64 [n, d] -> [n, n]: the inner product of every two rows.

    d^2 is a small difference of them. GPUs since Ampere multiply float32 matrices in TF32, of 10 bits: the smallest
    distances would be off by 0.03, and by 0.001 in true float32. Switching TF32 off would slow every convolution,
    differences of all rows take n n d numbers in memory; in double precision this product is still next to nothing
    beside the encoder's.
    """
    return ops.matmul(double, ops.transpose(double))


def cosines(x: Tensor) -> Tensor:
    """[n, d] -> [n, n], the cosine of every two rows; as exact as their numbers, on any device."""
    return ops.cast(products(ops.cast(unit(x), "float64")), x.dtype)


def unit(x: Tensor, shortest: float = EPSILON**0.5) -> Tensor:
    """[n, d] -> [n, d], each row of length 1; rows shorter than ``shortest`` are divided by that (zeros stay zeros)."""
    return x / root(ops.sum(ops.square(x), axis=-1, keepdims=True), shortest**2)


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
