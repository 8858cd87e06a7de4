"""Which pairs a split gets. What the component means is written here: pure numpy, no files, no Beam.

Pairs are chosen on ids. As many impostor as genuine pairs, exactly; never an image with itself; never the same two
images twice, in either order; no identity in more than ``max_per_identity`` genuine or twice as many impostor pairs.
The same images, settings and seed give the same pairs, whatever order the images came in.

Kinds: ``impostor_same_group`` was drawn from the anchor's own group; ``impostor_random`` was drawn from anywhere in the
split, so now and then it is of the same group too.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.pair_generator.genuine import possible, quotas, rate_for, schedule
from components.pair_generator.hashing import Ints, hashed, shuffled
from components.pair_generator.impostors import Layout, choose_impostors
from components.pair_generator.settings import PairSettings
from models.errors import UserError
from models.features import GENUINE, KINDS, RANDOM, SAME_GROUP


@dataclass(frozen=True)
class Selection:
    """The pairs of a split in random order, and what held identities back."""

    a: Ints  # index of the image, int64 [pairs]; a < b
    b: Ints
    kind: NDArray[np.int8]  # index into KINDS, int8 [pairs]
    asked: int  # pairs asked for
    unmatched: int  # genuine pairs left out because there was no impostor pair to balance them
    single: Ints  # identities with one image: no genuine pair
    few: Ints  # identities with fewer genuine pairs than their images should give
    capped: Ints  # identities held at max_per_identity
    unpaired: Ints  # identities in no pair at all


def choose_pairs(identities: Ints, groups: Ints, settings: PairSettings, split: str, seed: int) -> Selection:
    """Chooses the pairs of one split.

    Args:
      identities: who each image shows, 0 .. identities - 1, int64 [images]; images sorted by their id.
      groups: the group of each image, -1 for none, int64 [images]. An identity has the group of its first image.
      settings: how many pairs, and which.
      split: its name: part of the randomness, and of messages.
      seed: any integer.

    Raises:
      UserError: the split has no genuine or no impostor pair.
    """
    sizes = np.bincount(identities)
    _check(sizes, split)
    key = f"{seed}/{split}"
    layout, codes = _layout(identities, groups, f"{key}/images")
    cap = settings.max_per_identity
    asked = settings.asked(split, len(identities))
    rate = asked / 2 / len(identities)
    if settings.counted(split):  # a number that was named is reached if the caps allow, whatever the rate
        rate = max(rate, rate_for(asked // 2, layout.sizes, np.minimum(cap, possible(layout.sizes))))
    share = np.ceil(layout.sizes * rate).astype(np.int64)

    counts = quotas(layout.sizes, rate, cap, f"{key}/genuine")
    if not counts.any():
        counts[np.argmax(layout.sizes)] = 1
    who, first, second = schedule(layout.sizes, counts)
    genuine = layout.starts[who][:, None] + np.stack([first, second], axis=1)
    impostor, near = choose_impostors(
        layout, counts, 2 * np.minimum(cap, share), 2 * cap, settings.same_group, f"{key}/impostors"
    )
    unmatched = len(genuine) - len(impostor)
    genuine = genuine[np.sort(shuffled(f"{key}/cut", len(genuine))[: len(impostor)])]

    pairs = np.sort(layout.images[np.concatenate([genuine, impostor])], axis=1)
    kinds = np.full(len(pairs), KINDS.index(GENUINE), np.int8)
    kinds[len(genuine) :] = np.where(near, KINDS.index(SAME_GROUP), KINDS.index(RANDOM))
    order = np.argsort(hashed(f"{key}/order", pairs[:, 0] * len(identities) + pairs[:, 1]), kind="stable")
    pairs, kinds = pairs[order], kinds[order]
    few = (layout.sizes > 1) & (possible(layout.sizes) < np.minimum(share, cap))
    capped = (share > cap) & (possible(layout.sizes) >= cap)
    return Selection(
        a=pairs[:, 0],
        b=pairs[:, 1],
        kind=kinds,
        asked=asked,
        unmatched=unmatched,
        single=np.flatnonzero(sizes == 1),
        few=np.sort(codes[few]),
        capped=np.sort(codes[capped]),
        unpaired=np.setdiff1d(np.arange(len(sizes)), identities[pairs.ravel()]),
    )


def _check(sizes: Ints, split: str) -> None:
    images, identities = int(sizes.sum()), len(sizes)
    if identities < 2:
        raise UserError(
            f"split {split}: {identities} identity with {images} images: an impostor pair needs two identities; "
            "give the split more identities (the split's share, or the data)"
        )
    if sizes.max() < 2:
        raise UserError(
            f"split {split}: {identities} identities with one image each: a genuine pair needs two images of one "
            "identity; give more images an identity, or split by identity instead of by image"
        )


def _layout(identities: Ints, groups: Ints, key: str) -> tuple[Layout, Ints]:
    """Orders the images; also returns the code of the identity at each rank."""
    codes, first = np.unique(identities, return_index=True)
    group_of = groups[first]
    # An identity without a group is a group of its own.
    group_of = np.where(group_of < 0, groups.max() + 1 + np.arange(len(codes)), group_of)
    ranked = np.lexsort((codes, group_of))
    rank = np.empty_like(ranked)
    rank[ranked] = np.arange(len(codes))
    images = np.lexsort((hashed(key, np.arange(len(identities))), rank[identities]))
    sizes = np.bincount(rank[identities])
    group_of = group_of[ranked]
    layout = Layout(
        images=images,
        sizes=sizes,
        starts=np.cumsum(sizes) - sizes,
        group_from=np.searchsorted(group_of, group_of, side="left"),
        group_to=np.searchsorted(group_of, group_of, side="right"),
    )
    return layout, codes[ranked]
