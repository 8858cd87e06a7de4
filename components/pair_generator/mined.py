"""Mined impostor pairs: images of different identities that are near each other to a model. Pure numpy.

Each anchor is compared with a pool of images drawn by hash, not with all of them, so that the cost grows with the
anchors.
"""

import numpy as np
from numpy.typing import NDArray

from components.pair_generator.impostors import Layout
from components.pair_generator.quotas import Ints, occurrence, shuffled, turns

_POOL = 4096  # images that anchors are compared with
_BLOCK = 1024  # anchors compared at once: 16 MB of distances
_NEAREST = 8  # partners tried for each anchor, the nearest first


def choose_mined(
    layout: Layout, embeddings: NDArray[np.float32], anchors: Ints, limit: Ints, key: str
) -> tuple[Ints, Ints]:
    """At most one pair for each anchor: with the nearest image of another identity that is still free.

    Args:
      embeddings: of each image by its index, float32 [images, d]; closer in Euclidean distance is more alike.
      anchors: wanted of each identity, int64 [identities].
      limit: impostor pairs that each identity may be in, anchors included, int64 [identities].

    Returns:
      positions in ``layout.images``, lower first, int64 [pairs, 2], and the identity of each anchor, int64 [pairs].
    """
    size = len(layout.images)
    rank = layout.ranks
    who, turn = turns(anchors)
    image = layout.position(who, turn)
    pool = np.sort(shuffled(f"{key}/pool", size)[:_POOL])
    near = _nearest(embeddings[layout.images], rank, image, pool)

    used = anchors.astype(np.int64)
    keys, owners = np.empty(0, np.int64), np.empty(0, np.int64)
    left = np.flatnonzero((near >= 0).any(axis=1))
    for place in range(near.shape[1]):
        partner = near[left, place]
        pair = np.minimum(image[left], partner) * size + np.maximum(image[left], partner)
        fresh = np.flatnonzero((partner >= 0) & ~np.isin(pair, keys))
        fresh = fresh[np.unique(pair[fresh], return_index=True)[1]]
        fresh = np.sort(fresh)
        other = rank[partner[fresh]]
        fresh = fresh[occurrence(other) < np.maximum(limit - used, 0)[other]]
        used += np.bincount(rank[partner[fresh]], minlength=len(used))
        keys, owners = np.concatenate([keys, pair[fresh]]), np.concatenate([owners, who[left[fresh]]])
        left = np.delete(left, fresh)
    return np.stack(np.divmod(keys, size), axis=1), owners


def _nearest(embeddings: NDArray[np.float32], rank: Ints, image: Ints, pool: Ints) -> Ints:
    """The nearest images of the pool that show another identity, the nearest first; -1 where there are fewer."""
    count = min(_NEAREST, len(pool))
    near = np.full((len(image), count), -1, np.int64)
    of_pool = embeddings[pool]
    squares = np.square(of_pool).sum(axis=1)
    for start in range(0, len(image), _BLOCK):
        some = image[start : start + _BLOCK]
        # |a - b|^2 less |a|^2, which is the same for all of the pool.
        between = squares - 2 * embeddings[some] @ of_pool.T
        between[rank[some][:, None] == rank[pool]] = np.inf
        first = np.argpartition(between, count - 1, axis=1)[:, :count]
        distance = np.take_along_axis(between, first, axis=1)
        order = np.argsort(distance, axis=1, kind="stable")
        found = np.take_along_axis(first, order, axis=1)
        near[start : start + _BLOCK] = np.where(
            np.isfinite(np.take_along_axis(distance, order, axis=1)), pool[found], -1
        )
    return near
