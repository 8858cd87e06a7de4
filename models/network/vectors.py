"""Lengths, products and cosines of embeddings: what distances and losses are made of."""

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
