"""Sampling that is the same on every machine, and under every release of Python and numpy."""

import random
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Sampler = Callable[[], float]  # the next number in [0, 1)


def sampler(*key: int) -> Sampler:
    """A sequence of uniform numbers that depends on the key alone.

    Of Python's generators only ``random()`` after a seed is documented to stay as it is: all sampling is built on it.
    (A batch needs some tens of small samples: a call of numpy for each takes longer than all work on the pixels.)
    """
    return random.Random(" ".join(map(str, key))).random


def sample_distinct(count: int, size: int, uniform: Sampler, first: Iterable[int] = ()) -> list[int]:
    """``count`` distinct numbers below ``size`` in random order.

    The numbers of ``first``, at most ``count`` and distinct, are chosen already and come first.
    """
    chosen = dict.fromkeys(first)
    while len(chosen) < count:
        chosen[int(uniform() * size)] = None
    return list(chosen)


def shuffled(size: int, uniform: Sampler) -> list[int]:
    """``range(size)`` in random order."""
    return sorted(range(size), key=[uniform() for _ in range(size)].__getitem__)


class IdentityIndex:
    """The images of each identity (or the identities of each group), to sample from.

    The cost of a sample depends on its size alone, not on the number of images.

    Args:
      values: what is sampled: rows of images, or identities, [n].
      labels: the identity, or the group, of each value, [n]. Identities are numbered by the rank of their labels.

    Attributes:
      labels: the distinct labels, ascending.
    """

    def __init__(self, values: Ints, labels: Ints) -> None:
        order = np.argsort(labels, kind="stable")
        self._values = values[order]
        self.labels, starts, sizes = np.unique(labels[order], return_index=True, return_counts=True)
        self._starts: list[int] = starts.tolist()
        self._sizes: list[int] = sizes.tolist()

    def __len__(self) -> int:
        return len(self.labels)

    def sample_at_most(self, identities: Sequence[int], count: int, uniform: Sampler) -> Ints:
        """``count`` values of each of the ``identities``, one after the other; all values of a smaller one."""
        return self._sampled([(one, min(count, self._sizes[one])) for one in identities], uniform)

    def sample_exactly(self, identities: Sequence[int], count: int, uniform: Sampler) -> Ints:
        """``count`` values of each of the ``identities``; those of a smaller one are repeated."""
        return self._sampled([(one, count) for one in identities], uniform)

    def sample_identities(self, count: int, uniform: Sampler) -> list[int]:
        """``count`` distinct identities, each as likely as its share of the values that are not sampled yet."""
        chosen: list[int] = []
        remaining = len(self._values)
        for _ in range(count):
            at = int(uniform() * remaining)
            for other in sorted(chosen):  # their values are skipped
                if at >= self._starts[other]:
                    at += self._sizes[other]
            chosen.append(bisect_right(self._starts, at) - 1)
            remaining -= self._sizes[chosen[-1]]
        return chosen

    def _sampled(self, counts: Sequence[tuple[int, int]], uniform: Sampler) -> Ints:
        return self._values[[at for one, count in counts for at in self._positions(one, count, uniform)]]

    def _positions(self, one: int, count: int, uniform: Sampler) -> list[int]:
        start, size = self._starts[one], self._sizes[one]
        repeats, rest = divmod(count, size)
        sampled = [start + at for at in sample_distinct(rest, size, uniform)]
        return [*range(start, start + size)] * repeats + sampled if repeats else sampled
