"""Which pairs a split gets: the decisions of the component. Pure numpy, no files, no Beam.

Pairs are chosen on ids. As many impostor as genuine pairs, exactly; never an image with itself; never the same two
images twice, in either order; no identity in more than ``max_per_identity`` genuine or twice as many impostor pairs; no
image in more than ``max_per_image`` pairs. The same images, settings and seed give the same pairs, whatever order the
images came in.

Kinds: ``impostor_forgery`` is a given forgery with an image of the identity it imitates; ``impostor_mined`` are near
each other to the served model; ``impostor_same_group`` was drawn from the anchor's own group; ``impostor_random`` was
drawn from anywhere in the split, so it may be of the same group too.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from components.pair_generator.impostors import Layout, choose_forgeries, choose_impostors, greedy
from components.pair_generator.mined import choose_mined
from components.pair_generator.quotas import Ints, hashed, possible, quotas, rate_for, schedule
from components.pair_generator.settings import PairSettings
from models.data.features import FORGERY, GENUINE, KINDS, MINED, RANDOM, SAME_GROUP, TRAIN
from models.errors import UserError


@dataclass(frozen=True)
class SplitImages:
    """The images of a split, sorted by their id.

    Attributes:
      identities: the identity of each image, 0 .. identities - 1, or -1 for a given forgery, int64 [images].
      groups: the group of each image, -1 for none, int64 [images]. An identity has the group of its first image.
      imitated: the identity that a forgery imitates, -1 if it is not in the split and for all other images, int64
        [images].
      embeddings: of the served model, float32 [images, d], closer is more alike; None where nothing is mined.
    """

    identities: Ints
    groups: Ints
    imitated: Ints
    embeddings: NDArray[np.float32] | None = None


def _nobody() -> Ints:
    return np.empty(0, np.int64)


@dataclass(frozen=True)
class Selection:
    """The pairs of a split in random order, and which identities have fewer than their share."""

    a: Ints  # index of the image, int64 [pairs]; a < b
    b: Ints
    kind: NDArray[np.int8]  # index into KINDS, int8 [pairs]
    asked: int  # pairs asked for
    unmatched: int = 0  # genuine pairs left out because there was no impostor pair to balance them
    single: Ints = field(default_factory=_nobody)  # identities with one image: no genuine pair
    few: Ints = field(default_factory=_nobody)  # with fewer genuine pairs than their share
    capped: Ints = field(default_factory=_nobody)  # held at max_per_identity
    unpaired: Ints = field(default_factory=_nobody)  # in no pair at all
    notes: tuple[str, ...] = ()  # sentences: what differs from the settings, and why


def choose_pairs(images: SplitImages, settings: PairSettings, split: str, seed: int) -> Selection:
    """Chooses the pairs of one split.

    Args:
      split: its name: part of the randomness, and of messages.

    Raises:
      UserError: the split has no genuine or no impostor pair.
    """
    genuine_images = np.flatnonzero(images.identities >= 0)
    identities = images.identities[genuine_images]
    sizes = np.bincount(identities)
    _check(sizes, split)
    key = f"{seed}/{split}"
    layout, codes = _layout(identities, images.groups[genuine_images], genuine_images, f"{key}/images")
    asked = settings.asked(split, len(images.identities))
    limits = _limits(layout, settings)
    rate = asked / 2 / len(identities)
    if settings.counted(split):  # a number that was named is reached if the caps allow, whatever the rate
        rate = max(rate, rate_for(asked // 2, layout.sizes, np.minimum(limits, possible(layout.sizes))))
    share = np.ceil(layout.sizes * rate).astype(np.int64)

    counts = quotas(layout.sizes, rate, limits, f"{key}/genuine")
    if not counts.any():
        counts[np.argmax(layout.sizes)] = 1
    who, first, second = schedule(layout.sizes, counts)
    genuine = layout.images[layout.starts[who][:, None] + np.stack([first, second], axis=1)]
    impostor, kind = _choose_impostors(images, layout, codes, counts, np.minimum(limits, share), settings, split, key)
    pairs = np.sort(np.concatenate([genuine, impostor]), axis=1)
    kinds = np.concatenate([np.full(len(genuine), KINDS.index(GENUINE)), kind]).astype(np.int8)
    order = np.argsort(hashed(f"{key}/order", pairs[:, 0] * len(images.identities) + pairs[:, 1]), kind="stable")
    pairs, kinds = pairs[order], kinds[order]
    if settings.max_per_image:
        limit = np.full(len(images.identities), settings.max_per_image)
        used = np.zeros_like(limit)
        kept = np.sort(greedy(pairs[:, 0], pairs[:, 1], np.arange(len(pairs)), len(pairs), used, limit))
        pairs, kinds = pairs[kept], kinds[kept]
    pairs, kinds = _balanced(pairs, kinds, split, settings)
    few = (layout.sizes > 1) & (possible(layout.sizes) < np.minimum(share, limits))
    capped = (share > limits) & (possible(layout.sizes) >= limits)
    paired = images.identities[pairs.ravel()]
    return Selection(
        a=pairs[:, 0],
        b=pairs[:, 1],
        kind=kinds,
        asked=asked,
        unmatched=len(genuine) - len(pairs) // 2,
        single=np.flatnonzero(sizes == 1),
        few=np.sort(codes[few]),
        capped=np.sort(codes[capped]),
        unpaired=np.setdiff1d(np.arange(len(sizes)), paired),
        notes=_notes(images, settings, split),
    )


def _choose_impostors(
    images: SplitImages,
    layout: Layout,
    codes: Ints,
    anchors: Ints,
    share: Ints,
    settings: PairSettings,
    split: str,
    key: str,
) -> tuple[Ints, Ints]:
    """Pairs of image indices, int64 [pairs, 2], and their kinds: given forgeries first, then mined, then drawn ones."""
    limit = 2 * np.minimum(settings.max_per_identity, np.maximum(share, anchors))
    forgeries = np.flatnonzero(images.imitated >= 0)
    rank = np.empty(len(codes), np.int64)
    rank[codes] = np.arange(len(codes))
    forged = choose_forgeries(
        layout, forgeries, rank[images.imitated[forgeries]], anchors, settings.forgeries, f"{key}/impostors"
    )
    by_forgery = np.bincount(forged[:, 2], minlength=len(anchors))
    left = anchors - by_forgery
    cap = np.full(len(anchors), 2 * settings.max_per_identity) - by_forgery

    mined, owners = np.empty((0, 2), np.int64), np.empty(0, np.int64)
    if settings.mined and split == TRAIN and images.embeddings is not None:
        share_of_left = np.minimum(left, np.round(anchors * settings.mined).astype(np.int64))
        room = cap - (left - share_of_left)  # beside the anchors that are left to be drawn
        mined, owners = choose_mined(layout, images.embeddings, share_of_left, room, f"{key}/mined")
    by_mining = np.bincount(layout.ranks[mined].ravel(), minlength=len(anchors))
    left = left - np.bincount(owners, minlength=len(anchors))

    drawn, near = choose_impostors(
        layout,
        left,
        np.maximum(limit - by_forgery - by_mining, left),
        cap - by_mining,
        settings.same_group,
        f"{key}/impostors",
        mined[:, 0] * len(layout.images) + mined[:, 1],
    )
    kinds = np.concatenate(
        [
            np.full(len(forged), KINDS.index(FORGERY)),
            np.full(len(mined), KINDS.index(MINED)),
            np.where(near, KINDS.index(SAME_GROUP), KINDS.index(RANDOM)),
        ]
    )
    return np.concatenate([forged[:, :2], layout.images[mined], layout.images[drawn]]), kinds


def _limits(layout: Layout, settings: PairSettings) -> Ints:
    """Genuine pairs that each identity may give: half of what its images may be in, where that is limited."""
    limits = np.full(len(layout.sizes), settings.max_per_identity)
    if settings.max_per_image:
        limits = np.minimum(limits, np.maximum(1, layout.sizes * settings.max_per_image // 4))
    return limits


def _balanced(
    pairs: Ints, kinds: NDArray[np.int8], split: str, settings: PairSettings
) -> tuple[Ints, NDArray[np.int8]]:
    """The first of both, as many genuine as impostor pairs; they are in random order."""
    genuine = kinds == KINDS.index(GENUINE)
    half = min(int(genuine.sum()), int((~genuine).sum()))
    if not half:
        limits = [
            f"{name} {value}" for name in ("max_per_image", "max_per_identity") if (value := getattr(settings, name))
        ]
        raise UserError(
            f"split {split}: no impostor pair is possible within pairs.{' and pairs.'.join(limits)}; raise one of them",
            code="data-no-impostor-pair",
        )
    keep = np.where(genuine, np.cumsum(genuine), np.cumsum(~genuine)) <= half
    return pairs[keep], kinds[keep]


def _notes(images: SplitImages, settings: PairSettings, split: str) -> tuple[str, ...]:
    notes = []
    strays = int(((images.identities < 0) & (images.imitated < 0)).sum())
    if strays:
        notes.append(f"{strays:,} given forgeries are of identities that have no image in this split: in no pair")
    if settings.mined and split == TRAIN and images.embeddings is None:
        notes.append("nothing mined: no model of this pipeline serves yet; other impostors took their part")
    return tuple(notes)


def _check(sizes: Ints, split: str) -> None:
    images, identities = int(sizes.sum()), len(sizes)
    if identities < 2:
        raise UserError(
            f"split {split}: {identities} identity with {images} images: an impostor pair needs two identities; "
            "raise the split's share, or add identities",
            code="data-too-few-identities",
        )
    if sizes.max() < 2:
        raise UserError(
            f"split {split}: {identities} identities with one image each: a genuine pair needs two images of one "
            "identity; add a second image to some of them",
            code="data-no-genuine-pair",
        )


def _layout(identities: Ints, groups: Ints, images: Ints, key: str) -> tuple[Layout, Ints]:
    """Orders the images; also returns the code of the identity at each rank."""
    codes, first = np.unique(identities, return_index=True)
    group_of = groups[first]
    # An identity without a group is a group of its own.
    group_of = np.where(group_of < 0, groups.max() + 1 + np.arange(len(codes)), group_of)
    ranked = np.lexsort((codes, group_of))
    rank = np.empty_like(ranked)
    rank[ranked] = np.arange(len(codes))
    order = np.lexsort((hashed(key, images), rank[identities]))
    sizes = np.bincount(rank[identities])
    group_of = group_of[ranked]
    layout = Layout(
        images=images[order],
        sizes=sizes,
        starts=np.cumsum(sizes) - sizes,
        group_from=np.searchsorted(group_of, group_of, side="left"),
        group_to=np.searchsorted(group_of, group_of, side="right"),
    )
    return layout, codes[ranked]
