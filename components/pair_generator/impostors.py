"""Impostor pairs: given forgeries, and as many others as balance the genuine pairs. Pure numpy.

Each genuine pair gives one *anchor*: an image of its identity, to be paired with an image of another one. So an
identity is in as many impostor as genuine pairs, and a model that knows identities alone cannot predict the labels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.pair_generator.quotas import Ints, hashed, occurrence, rounded, shuffled, turns, uniform

_ROUNDS = 8
_ENUMERABLE = 1500  # images of a split up to which all its pairs may be listed


@dataclass(frozen=True)
class Layout:
    """The images of a split by group, by identity and, within it, at random. Identities are ranks in that order."""

    images: Ints  # index of each image, int64 [images]
    sizes: Ints  # images of each identity, int64 [identities]
    starts: Ints  # where an identity begins in ``images``
    group_from: Ints  # first identity of the identity's group
    group_to: Ints  # one past its last

    @property
    def grouped(self) -> NDArray[np.bool_]:
        """Identities whose group has another one."""
        return self.group_to - self.group_from > 1

    @property
    def ranks(self) -> Ints:
        """The identity of each image, int64 [images]."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    def position(self, who: Ints, turn: Ints) -> Ints:
        """Where in ``images`` an identity's image lies whose turn it is."""
        return self.starts[who] + turn % self.sizes[who]


@dataclass
class _Chosen:
    """Impostor pairs so far: positions in ``Layout.images``."""

    size: int
    keys: Ints  # sorted, lower * size + higher
    same_group: list[Ints]
    random: list[Ints]

    def add(self, keys: Ints, hard: NDArray[np.bool_]) -> None:
        self.keys = np.sort(np.concatenate([self.keys, keys]), kind="stable")
        self.same_group.append(keys[hard])
        self.random.append(keys[~hard])

    def fresh(self, keys: Ints) -> NDArray[np.bool_]:
        """The first of equal keys, unless it is taken already."""
        first = np.zeros(len(keys), bool)
        first[np.unique(keys, return_index=True)[1]] = True
        if len(self.keys):
            at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
            first &= self.keys[at] != keys
        return first


def choose_forgeries(layout: Layout, forgeries: Ints, imitated: Ints, wanted: Ints, share: float, key: str) -> Ints:
    """As many forgery pairs of each identity as its share of impostors asks for, and as it has; all distinct.

    Forgeries and images take turns, so that each is used about equally often.

    Args:
      forgeries: indices of the forged images, int64 [forgeries].
      imitated: the identity (its rank in ``layout``) that each imitates, int64 [forgeries].
      wanted: impostor pairs that each identity is to be the anchor of, int64 [identities].
      share: of those that are to be forgeries.

    Returns:
      index of the image and of the forgery, int64 [pairs, 2], and of whom, int64 [pairs].
    """
    order = np.lexsort((hashed(f"{key}/forgeries", forgeries), imitated))
    forgeries, imitated = forgeries[order], imitated[order]
    there = np.bincount(imitated, minlength=len(layout.sizes))
    starts = np.cumsum(there) - there
    counts = rounded(wanted * share, f"{key}/forgeries/offset")
    who, turn = turns(np.minimum(np.minimum(counts, wanted), there * layout.sizes))
    # Along the diagonals of the table of images x forgeries: one begins where the last came back to its own beginning.
    cycle = np.lcm(layout.sizes[who], there[who])
    forgery = forgeries[starts[who] + turn % there[who]]
    image = layout.images[layout.position(who, turn + turn // cycle)]
    return np.column_stack([image, forgery, who])


def choose_impostors(
    layout: Layout, anchors: Ints, fair: Ints, limit: Ints, same_group: float, key: str, taken: Ints
) -> tuple[Ints, NDArray[np.bool_]]:
    """Chooses at most one impostor pair per anchor: distinct, within the caps, partners spread evenly.

    A ``same_group`` share of the anchors whose group has another identity gets its partner there; all others get
    theirs from anywhere in the split. A split too small for that gives other same-group pairs, then any pairs, then
    fewer pairs.

    Args:
      anchors: anchors of each identity, int64 [identities].
      fair: impostor pairs that each identity should be in, anchors included; held while there are others.
      limit: impostor pairs that each identity may be in, anchors included.
      taken: pairs that are chosen already, as lower * images + higher position; none of them is chosen again.

    Returns:
      positions in ``layout.images``, int64 [pairs, 2], and whether each is a same-group pair, bool [pairs].
    """
    who, turn = turns(anchors)
    image = layout.position(who, turn)
    mix = shuffled(f"{key}/anchors", len(who))
    who, image = who[mix], image[mix]
    near = layout.grouped[who]
    near &= np.cumsum(near) <= round(same_group * near.sum())

    size = len(layout.images)
    chosen = _Chosen(size, np.sort(taken), [], [])
    used = anchors.astype(np.int64)
    left = np.arange(len(who))
    for number, ceiling in enumerate([np.minimum(fair, limit)] * _ROUNDS + [limit] * _ROUNDS):
        if not len(left):
            break
        left = _round(layout, chosen, who, image, near, left, used, ceiling, number, f"{key}/{number}")
    if len(left) and size <= _ENUMERABLE:
        used = used - np.bincount(who[left], minlength=len(used))
        _enumerate(layout, chosen, int(near[left].sum()), len(left), used, limit, f"{key}/all")
    elif len(left):
        anywhere = np.zeros_like(near)
        for number in range(_ROUNDS):
            left = _round(layout, chosen, who, image, anywhere, left, used, limit, number, f"{key}/any{number}")

    hard, random = np.concatenate(chosen.same_group or [left[:0]]), np.concatenate(chosen.random or [left[:0]])
    keys = np.concatenate([hard, random])
    return np.stack(np.divmod(keys, size), axis=1), np.arange(len(keys)) < len(hard)


def _round(
    layout: Layout,
    chosen: _Chosen,
    who: Ints,
    image: Ints,
    near: NDArray[np.bool_],
    left: Ints,
    used: Ints,
    ceiling: Ints,
    number: int,
    key: str,
) -> Ints:
    """Draws a partner for every anchor in ``left``, keeps what is new and within the ceiling, returns the rest.

    An identity is drawn by the room it has left. The draws of one group (and those from anywhere) are spread over the
    room at even distances, not independently, so that partners come evenly.
    """
    room = np.maximum(ceiling - used, 0)
    edges = np.concatenate([[0], np.cumsum(room)])
    own, hard = who[left], near[left]
    low = np.where(hard, edges[layout.group_from[own]], 0)
    high = np.where(hard, edges[layout.group_to[own]], edges[-1])
    width = high - low - room[own]  # the anchor's own identity is stepped over
    pool = np.where(hard, layout.group_from[own], len(room))
    nth, pool_sizes = occurrence(pool), np.bincount(pool)
    slot = ((nth + uniform(key, len(left))) / pool_sizes[pool] * width).astype(np.int64)
    slot = low + np.minimum(slot, width - 1)
    slot += np.where(slot >= edges[own], room[own], 0)
    partner = np.minimum(np.searchsorted(edges, slot, side="right") - 1, len(room) - 1)

    # The images of the partner take turns; from round to round one is skipped: the same pair must not come again.
    other = layout.position(partner, used[partner] + occurrence(partner) + number)
    keys = np.minimum(image[left], other) * chosen.size + np.maximum(image[left], other)
    keep = np.flatnonzero(width > 0)
    keep = keep[chosen.fresh(keys[keep])]
    keep = keep[occurrence(partner[keep]) < room[partner[keep]]]
    chosen.add(keys[keep], hard[keep])
    used += np.bincount(partner[keep], minlength=len(used))
    return np.delete(left, keep)


def _enumerate(layout: Layout, chosen: _Chosen, near: int, count: int, used: Ints, limit: Ints, key: str) -> None:
    """Adds ``count`` of all impostor pairs not taken, the first ``near`` of them within a group."""
    first, second = np.triu_indices(chosen.size, 1)
    rank = layout.ranks
    keys = first * chosen.size + second
    keep = (rank[first] != rank[second]) & chosen.fresh(keys)
    keys = keys[keep]
    keys = keys[np.argsort(hashed(key, keys), kind="stable")]
    for hard in (True, False):
        one, two = (rank[end] for end in np.divmod(keys, chosen.size))
        fits = (layout.group_from[one] == layout.group_from[two]) & layout.grouped[one]
        pool = np.flatnonzero(fits) if hard else np.arange(len(keys))
        picked = greedy(one, two, pool, near if hard else count, used, limit)
        chosen.add(keys[picked], np.full(len(picked), hard))
        keys = np.delete(keys, picked)
        count -= len(picked)


def greedy(one: Ints, two: Ints, pool: Ints, wanted: int, used: Ints, limit: Ints) -> Ints:
    """Takes pairs of the pool in order while both ends are below their limit; adds to ``used``."""
    picked = [pool[:0]]
    while wanted > 0:
        pool = pool[(used[one[pool]] < limit[one[pool]]) & (used[two[pool]] < limit[two[pool]])]
        if not len(pool):
            break
        ends = np.stack([one[pool], two[pool]], axis=1)
        nth = occurrence(ends.ravel()).reshape(ends.shape)  # as if all before were taken: the first always is
        takes = np.flatnonzero((used[ends] + nth < limit[ends]).all(axis=1))[:wanted]
        picked.append(pool[takes])
        used += np.bincount(ends[takes].ravel(), minlength=len(used))
        wanted -= len(takes)
        pool = np.delete(pool, takes)
    return np.concatenate(picked)
