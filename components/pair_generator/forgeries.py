"""Impostor pairs of given forgeries: each beside an image of the identity that it pretends to show. Pure numpy."""

import numpy as np

from components.pair_generator.hashing import Ints, hashed, uniform
from components.pair_generator.impostors import Layout


def choose_forgeries(layout: Layout, forgeries: Ints, imitated: Ints, wanted: Ints, share: float, key: str) -> Ints:
    """As many forgery pairs of each identity as its share of impostors asks for, and as it has; all distinct.

    Forgeries and images take turns, so that each is used about equally often.

    Args:
      layout: the genuine images.
      forgeries: indices of the forged images, int64 [forgeries].
      imitated: the identity (its rank in ``layout``) that each imitates, int64 [forgeries].
      wanted: impostor pairs that each identity is to be the anchor of, int64 [identities].
      share: of those that are to be forgeries.
      key: salt of every choice.

    Returns:
      index of the image and of the forgery, int64 [pairs, 2], and of whom, int64 [pairs].
    """
    order = np.lexsort((hashed(f"{key}/forgeries", forgeries), imitated))
    forgeries, imitated = forgeries[order], imitated[order]
    there = np.bincount(imitated, minlength=len(layout.sizes))
    starts = np.cumsum(there) - there
    running = np.cumsum(wanted * share).round(6) + uniform(f"{key}/forgeries/offset", 1)
    counts = np.diff(np.floor(running), prepend=0).astype(np.int64)
    counts = np.minimum(np.minimum(counts, wanted), there * layout.sizes)
    who = np.repeat(np.arange(len(counts)), counts)
    turn = np.arange(len(who)) - np.repeat(np.cumsum(counts) - counts, counts)
    # Along the diagonals of the table of images x forgeries: one begins where the last came back to its own beginning.
    cycle = np.lcm(layout.sizes[who], there[who])
    forgery = forgeries[starts[who] + turn % there[who]]
    image = layout.images[layout.starts[who] + (turn + turn // cycle) % layout.sizes[who]]
    return np.column_stack([image, forgery, who])
