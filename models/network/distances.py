"""Distances between embeddings: how far apart two images are. Zero is alike; larger is less alike.

Each distance has two forms with the same meaning: ``paired`` compares row i with row i, ``pairwise`` every row with
every other. Adding one touches this file and its test.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keras import ops

Tensor = Any  # a backend tensor

# Roots are taken of at least this, so that the gradient at distance 0 is finite.
EPSILON = 1e-12


@dataclass(frozen=True)
class Distance:
    """A distance between embeddings.

    Attributes:
      paired: ([n, d], [n, d]) -> [n].
      pairwise: [n, d] -> [n, n], symmetric.
    """

    paired: Callable[[Tensor, Tensor], Tensor]
    pairwise: Callable[[Tensor], Tensor]


def _root(squared: Tensor, least: float = EPSILON) -> Tensor:
    return ops.sqrt(ops.maximum(squared, least))


def euclidean(a: Tensor, b: Tensor) -> Tensor:
    """sqrt(sum((a - b)^2)): [n, d], [n, d] -> [n]. In [0, 2] on the unit sphere, where d^2 = 2 - 2 cos."""
    return _root(ops.sum(ops.square(a - b), axis=-1))


def _euclidean_pairwise(x: Tensor) -> Tensor:
    double = ops.cast(x, "float64")
    squares = ops.sum(ops.square(double), axis=-1)
    return ops.cast(_root(squares[:, None] + squares[None, :] - 2 * _products(double)), x.dtype)


def _products(double: Tensor) -> Tensor:
    """float64 [n, d] -> [n, n]: of every two rows.

    d^2 is a small difference of them. GPUs since Ampere multiply float32 matrices in TF32, of 10 bits: the smallest
    distances would be off by 0.03, and by 0.001 in true float32. Switching TF32 off would slow every convolution,
    differences of all rows take n n d numbers in memory; in double precision this product is still next to nothing
    beside the encoder's.
    """
    return ops.matmul(double, ops.transpose(double))


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """1 - cos(a, b): [n, d], [n, d] -> [n], in [0, 2]."""
    return 1 - ops.sum(unit(a) * unit(b), axis=-1)


def _cosine_pairwise(x: Tensor) -> Tensor:
    return 1 - cosines(x)


def cosines(x: Tensor) -> Tensor:
    """[n, d] -> [n, n], the cosine of every two rows; as exact as their numbers, on any device."""
    return ops.cast(_products(ops.cast(unit(x), "float64")), x.dtype)


def unit(x: Tensor, shortest: float = EPSILON**0.5) -> Tensor:
    """[n, d] -> [n, d], each row of length 1; rows shorter than ``shortest`` are divided by that (zeros stay zeros)."""
    return x / _root(ops.sum(ops.square(x), axis=-1, keepdims=True), shortest**2)


def manhattan(a: Tensor, b: Tensor) -> Tensor:
    """sum(abs(a - b)): [n, d], [n, d] -> [n]."""
    return ops.sum(ops.abs(a - b), axis=-1)


def _manhattan_pairwise(x: Tensor) -> Tensor:
    return ops.sum(ops.abs(x[:, None, :] - x[None, :, :]), axis=-1)


DISTANCES = {
    "euclidean": Distance(euclidean, _euclidean_pairwise),
    "cosine": Distance(cosine, _cosine_pairwise),
    "manhattan": Distance(manhattan, _manhattan_pairwise),
    # The weights are the encoder's last layer: sum(w abs(a - b)) = sum(abs(w a - w b)) where none is negative.
    "weighted_manhattan": Distance(manhattan, _manhattan_pairwise),
}
