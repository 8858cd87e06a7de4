"""Genuine pairs: how many of each identity, and which. Pure numpy."""

import numpy as np

from components.pair_generator.hashing import Ints, shuffled, uniform


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

    Fractions are rounded along a running sum over the identities in random order, so that the total is right too.
    """
    limits = np.minimum(cap, possible(sizes))
    order = shuffled(f"{key}/rounding", len(sizes))
    running = np.cumsum(np.minimum(sizes * rate, limits)[order]).round(6) + uniform(f"{key}/offset", 1)
    whole = np.empty(len(sizes), np.int64)
    whole[order] = np.diff(np.floor(running), prepend=0).astype(np.int64)
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
    who = np.repeat(np.arange(len(sizes)), counts)
    turn = np.arange(len(who)) - np.repeat(np.cumsum(counts) - counts, counts)
    size = sizes[who]
    even = size % 2 == 0
    circle = size - even  # an even number of players: the last one sits in the middle of the circle
    per_round = size // 2
    game, step = np.divmod(turn, per_round)
    step = step + ~even
    first = (game + step) % circle
    second = np.where(even & (step == 0), size - 1, (game - step) % circle)
    return who, first, second
