"""Random draws that are the same on every machine, and under every release of Python and numpy."""

import random
from collections.abc import Callable, Iterable

Draw = Callable[[], float]  # a number in [0, 1)


def draws(*key: int) -> Draw:
    """Numbers that the key alone decides.

    Of Python's generators only ``random()`` after a seed is promised to stay as it is: all else here is made of it. (A
    batch needs some tens of small draws: a call of numpy for each takes longer than all that is done with the pixels.)
    """
    return random.Random(" ".join(map(str, key))).random


def different(count: int, size: int, draw: Draw, begun: Iterable[int] = ()) -> list[int]:
    """``count`` of the numbers below ``size``, none twice, in random order; ``begun`` are the first of them.

    Args:
      count: at most ``size``.
      size: how many numbers there are to choose from.
      draw: where chance comes from.
      begun: what is chosen already, at most ``count``, none twice.
    """
    drawn = dict.fromkeys(begun)
    while len(drawn) < count:
        drawn[int(draw() * size)] = None
    return list(drawn)
