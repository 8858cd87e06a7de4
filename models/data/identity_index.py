"""What belongs together: the images of an identity, the identities of a group."""

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from models.data.dataset import Ints
from models.data.sampler import Draw, different


class Members:
    """Sets to draw from; a draw costs as much as it gives, however large the sets are.

    Args:
      values: [n], what is drawn.
      labels: [n]: of each, what it belongs to. The sets are numbered by the rank of their labels.

    Attributes:
      labels: [sets], ascending.
    """

    def __init__(self, values: Ints, labels: Ints) -> None:
        order = np.argsort(labels, kind="stable")
        self._values = values[order]
        self.labels, starts, sizes = np.unique(labels[order], return_index=True, return_counts=True)
        self._starts: list[int] = starts.tolist()
        self._sizes: list[int] = sizes.tolist()

    def __len__(self) -> int:
        return len(self.labels)

    def some(self, sets: Sequence[int], count: int, draw: Draw) -> Ints:
        """``count`` members of each of the ``sets``, one set after the other; of a smaller one all."""
        return self._values[[at for one in sets for at in self._places(one, min(count, self._sizes[one]), draw)]]

    def exactly(self, sets: Sequence[int], count: int, draw: Draw) -> Ints:
        """``count`` members of each of the ``sets``, one after the other; of a smaller one all, again and again."""
        return self._values[[at for one in sets for at in self._places(one, count, draw)]]

    def sets(self, count: int, draw: Draw) -> list[int]:
        """``count`` different sets: the next is that of a member drawn from all sets that are left."""
        drawn: list[int] = []
        left = len(self._values)
        for _ in range(count):
            at = int(draw() * left)
            for other in sorted(drawn):  # the members of those lie in between
                if at >= self._starts[other]:
                    at += self._sizes[other]
            drawn.append(bisect_right(self._starts, at) - 1)
            left -= self._sizes[drawn[-1]]
        return drawn

    def _places(self, one: int, count: int, draw: Draw) -> list[int]:
        start, size = self._starts[one], self._sizes[one]
        whole, rest = divmod(count, size)
        drawn = [start + at for at in different(rest, size, draw)]
        return [*range(start, start + size)] * whole + drawn if whole else drawn
