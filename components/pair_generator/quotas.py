"""The quotas of pairs: how many genuine pairs of each identity, and which, by turns and by hashed randomness.

Pure numpy. The randomness is the same on every machine, runner and release of numpy.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_U27, _U30, _U31, _U11 = (np.uint64(bits) for bits in (27, 30, 31, 11))


def hashed(key: str, values: Ints) -> NDArray[np.uint64]:
    """SplitMix64 (Steele et al. 2014) of each integer, salted with a key: uint64, the shape of ``values``."""
    salt = np.frombuffer(hashlib.blake2b(key.encode(), digest_size=8).digest(), dtype="<u8")
    x = values.astype(np.uint64) * _GAMMA + salt
    x = (x ^ (x >> _U30)) * _MIX_1
    x = (x ^ (x >> _U27)) * _MIX_2
    return x ^ (x >> _U31)


def uniform(key: str, count: int) -> NDArray[np.float64]:
    """``count`` numbers in [0, 1), float64."""
    return (hashed(key, np.arange(count)) >> _U11).astype(np.float64) * 2.0**-53


def shuffled(key: str, count: int) -> Ints:
    """A permutation of ``range(count)``, int64."""
    return np.argsort(hashed(key, np.arange(count)), kind="stable")


def rounded(amounts: NDArray[np.float64], key: str) -> Ints:
    """Whole numbers, rounded along the running sum from a random offset, so that the total is right too. int64."""
    running = np.cumsum(amounts).round(6) + uniform(key, 1)
    return np.diff(np.floor(running), prepend=0).astype(np.int64)


def turns(counts: Ints) -> tuple[Ints, Ints]:
    """Each index as often as its count, and how often it came before: ``[2, 1]`` gives ``[0, 0, 1]``, ``[0, 1, 0]``."""
    who = np.repeat(np.arange(len(counts)), counts)
    return who, np.arange(len(who)) - np.repeat(np.cumsum(counts) - counts, counts)


def occurrence(values: Ints) -> Ints:
    """How often each value came before: ``[7, 3, 7, 7]`` gives ``[0, 0, 1, 2]``."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(values) else order
    nth = np.empty(len(values), np.int64)
    nth[order] = np.arange(len(values)) - np.repeat(begins, np.diff(np.append(begins, len(values))))
    return nth


def possible(sizes: Ints) -> Ints:
    """Distinct genuine pairs that identities of so many images have: n (n - 1) / 2."""
    return sizes * (sizes - 1) // 2


def rate_for(total: int, sizes: Ints, limits: Ints) -> float:
    """Pairs per image at which identities of these sizes have ``total`` pairs together, each within its limit.

    The sum of ``min(limit, rate * size)`` grows with the rate in straight pieces: it is computed where they meet and
    read off between. Where the limits together are below ``total`` the rate at which all are reached is returned.
    """
    order = np.argsort(limits / sizes, kind="stable")
    meets = (limits / sizes)[order]
    reached = np.cumsum(limits[order])
    growing = sizes.sum() - np.cumsum(sizes[order])
    return float(np.interp(total, np.concatenate([[0], reached + meets * growing]), np.concatenate([[0], meets])))


def quotas(sizes: Ints, rate: float, cap: Ints, key: str) -> Ints:
    """Genuine pairs of each identity: ``rate * size``, at most its ``cap`` and at most what it has. int64.

    Fractions are rounded over the identities in random order.
    """
    limits = np.minimum(cap, possible(sizes))
    order = shuffled(f"{key}/rounding", len(sizes))
    whole = np.empty(len(sizes), np.int64)
    whole[order] = rounded(np.minimum(sizes * rate, limits)[order], f"{key}/offset")
    return np.minimum(whole, limits)


def schedule(sizes: Ints, counts: Ints) -> tuple[Ints, Ints, Ints]:
    """The first ``counts`` pairs of a round-robin tournament among the images of each identity.

    In each round of the tournament every image plays at most once, and no two meet twice (the circle method), so
    the pairs are distinct by construction and spread evenly, at a cost of the pairs taken, not of those possible.

    Args:
      sizes: images of each identity, int64 [identities].
      counts: pairs wanted of each, at most ``possible(sizes)``, int64 [identities].

    Returns:
      identity of each pair, and the positions of its two images within the identity; int64 [sum of counts] each.
    """
    who, turn = turns(counts)
    size = sizes[who]
    even = size % 2 == 0
    circle = size - even  # an even number of players: the last one sits in the middle of the circle
    per_round = size // 2
    game, step = np.divmod(turn, per_round)
    step = step + ~even
    first = (game + step) % circle
    second = np.where(even & (step == 0), size - 1, (game - step) % circle)
    return who, first, second
