"""Which images a training step sees. Step i of a seed is the same batch wherever and whenever it is asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.data.dataset import ImageTable, Ints, PairTable, to_raw
from models.data.features import FORGED
from models.data.identity_index import Members
from models.data.sampler import Draw, different, draws
from models.settings import BatchSettings, ModelSettings

Normalise = Callable[[tf.Tensor], tf.Tensor]  # string [n] raw pixels -> float32 [n, height, width, channels]


class Batches(Protocol):
    """A source of batches: ``images_per_epoch``-sized steps, each a function of its number."""

    steps_per_epoch: int
    most_parts: int  # into which a batch can be cut so that each has pairs of its own
    signature: tuple[tf.DType, ...]

    def step(self, number: int, part: int = 0, parts: int = 1) -> tuple[NDArray[Any], ...]:
        """The batch of one step, or one of so many parts of it: raw pixels, ..., labels."""

    def inputs(self, normalise: Normalise, *batch: tf.Tensor) -> tuple[Any, tf.Tensor]:
        """The batch as the network takes it: (x, y)."""


class IdentityBatches:
    """Some identities, some images of each, some forgeries of each: every pair of the batch is a training pair.

    The identities of a step come from a few groups, so that impostors of the same group, the hard ones, are in every
    batch. Where there are fewer identities than asked for, each brings more images. An identity with fewer images than
    asked for repeats them (augmented differently). Given forgeries are impostors to every other image and share one
    label, ``features.FORGED``.

    Where the pair list has mined impostor pairs, ``settings.mined`` of the identities come as the two of such a pair,
    with the two images of the pair among theirs. The mined pairs take turns, in a new order every time all were seen.

    Args:
      images: the table.
      rows: the rows that may be used (those that the train pairs name).
      settings: identities, images, groups and forgeries a step, and the share that mined pairs have of it.
      seed: of everything random here.
      quarter_turns: whether an image turned by a multiple of 90 degrees counts as another identity.
      mirrors: whether its mirror image does.
      mined: rows of the images of mined impostor pairs, [pairs, 2]; without any, batches are as if there were no list.
    """

    signature = (tf.string, tf.int64)

    def __init__(
        self,
        images: ImageTable,
        rows: Ints,
        settings: BatchSettings,
        seed: int,
        quarter_turns: bool = False,
        mirrors: bool = False,
        mined: Ints | None = None,
    ) -> None:
        self._images, self._seed = images, seed
        self._turns, self._sides = 4 if quarter_turns else 1, 2 if mirrors else 1
        forged = images.imitates[rows] >= 0
        self._forgeries = Members(rows[forged], images.imitates[rows[forged]])
        self._forgeries_each = settings.forgeries
        rows = rows[~forged]
        self._members = Members(rows, images.identity[rows])
        _, first = np.unique(images.identity[rows], return_index=True)
        self._by_group = Members(np.arange(len(first)), images.group[rows[first]])
        imitated = {identity: forgeries for forgeries, identity in enumerate(self._forgeries.labels.tolist())}
        self._imitated = [imitated.get(identity) for identity in self._members.labels.tolist()]
        self._identities = min(settings.identities, len(self._members))
        self.most_parts = self._identities // 2
        self._each = max(settings.images, settings.identities * settings.images // self._identities)
        self._groups = min(settings.groups, len(self._by_group))
        self.steps_per_epoch = max(1, -(-len(rows) // (self._identities * self._each)))
        self._mined = np.empty((0, 2), np.int64) if mined is None else mined
        self._mined_sets = np.searchsorted(self._members.labels, images.identity[self._mined])
        self._mined_each = settings.mined * self._identities / 2  # pairs a step; the fractions add up over steps

    def step(self, number: int, part: int = 0, parts: int = 1) -> tuple[NDArray[Any], ...]:
        """(raw pixels [n], labels [n]); images of one identity lie together, forgeries at the end.

        Parts are of whole identities, each with its own forgeries.
        """
        draw = draws(self._seed, number)
        mined = self._mined_of(number)
        chosen = self._choose(draw, self._mined_sets[mined].ravel().tolist())
        if parts > 1:
            chosen, draw = np.array_split(chosen, parts)[part].tolist(), draws(self._seed, number, part)
        rows = self._members.exactly(chosen, self._each, draw)
        self._place(mined, chosen, rows.reshape(len(chosen), self._each))
        labels = np.repeat(np.array(chosen, np.int64), self._each)
        views = self._turns * self._sides
        if views > 1:
            view_of = {one: int(draw() * views) for one in chosen}
            for one, other in self._mined_sets[mined].tolist():  # alike only if both are seen from the same side
                if one in view_of and other in view_of:
                    view_of[other] = view_of[one]
            view = np.repeat([view_of[one] for one in chosen], self._each)
            raw, labels = self._seen(rows, view), labels * views + view
        else:
            raw = self._images.raw(rows)
        imitated = [forgeries for one in chosen if (forgeries := self._imitated[one]) is not None]
        if imitated and self._forgeries_each:
            forged = self._forgeries.some(imitated, self._forgeries_each, draw)
            raw = np.concatenate([raw, self._images.raw(forged)])
            labels = np.concatenate([labels, np.full(len(forged), FORGED)])
        return raw, labels

    def inputs(self, normalise: Normalise, *batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        raw, labels = batch
        return normalise(raw), labels

    def _choose(self, draw: Draw, mined: list[int]) -> list[int]:
        """The identities of a step; ``mined`` are among them."""
        share = -(-self._identities // self._groups)
        drawn = self._by_group.some(self._by_group.sets(self._groups, draw), share, draw).tolist()
        begun = list(dict.fromkeys([*mined, *drawn]))[: self._identities]
        return different(self._identities, len(self._members), draw, begun=begun)

    def _mined_of(self, number: int) -> Ints:
        """Which mined pairs a step has: the next of them, in an order that the seed decides."""
        count = len(self._mined)
        if not count:
            return np.empty(0, np.int64)
        turns = range(int(number * self._mined_each), int((number + 1) * self._mined_each))
        return np.array([_permutation(count, self._seed, turn // count)[turn % count] for turn in turns], np.int64)

    def _place(self, mined: Ints, chosen: list[int], rows: Ints) -> None:
        """Puts the images of mined pairs among those of their identities, ``rows`` [identities, images of each]."""
        at = {one: position for position, one in enumerate(chosen)}
        wanted: dict[int, list[int]] = {}
        for sets, images in zip(self._mined_sets[mined].tolist(), self._mined[mined].tolist(), strict=True):
            for one, image in zip(sets, images, strict=True):
                if one in at and image not in wanted.setdefault(at[one], []):
                    wanted[at[one]].append(image)
        for position, images in wanted.items():
            both = [*images, *(row for row in rows[position].tolist() if row not in images)]
            rows[position] = (both * self._each)[: self._each]

    def _seen(self, rows: Ints, view: Ints) -> NDArray[np.object_]:
        """The pixels of some rows, each in a view of its own: turned, and of a mirror image."""
        raw = np.empty(len(rows), object)
        for one in set(view.tolist()):
            side, turn = divmod(one, self._turns)
            shown = view == one
            pixels = self._images.pixels[rows[shown]]
            raw[shown] = to_raw(np.rot90(pixels[:, :, ::-1] if side else pixels, turn, (1, 2)))
        return raw


@lru_cache(maxsize=4)  # near the end of one order steps of two are made at once
def _permutation(size: int, seed: int, turn: int) -> list[int]:
    """``range(size)`` in an order that the seed and the turn decide."""
    draw = draws(seed, turn, size, -1)
    return sorted(range(size), key=[draw() for _ in range(size)].__getitem__)


class PairBatches:
    """The generated pairs themselves, in a new order every epoch."""

    signature = (tf.string, tf.string, tf.int64)

    def __init__(self, images: ImageTable, pairs: PairTable, settings: BatchSettings, seed: int) -> None:
        self._images, self._pairs, self._seed = images, pairs, seed
        self._size = self.most_parts = min(settings.pairs, len(pairs.same))
        self.steps_per_epoch = len(pairs.same) // self._size
        self._order = lru_cache(maxsize=2)(self._shuffled)  # near an epoch's end steps of two are made at once
        self._shuffling = Lock()

    def step(self, number: int, part: int = 0, parts: int = 1) -> tuple[NDArray[Any], ...]:
        """(raw pixels of a [n], of b [n], same [n])."""
        epoch, position = divmod(number, self.steps_per_epoch)
        with self._shuffling:
            order = self._order(epoch)
        rows = np.array_split(order[position * self._size : (position + 1) * self._size], parts)[part]
        return self._images.raw(self._pairs.a[rows]), self._images.raw(self._pairs.b[rows]), self._pairs.same[rows]

    def inputs(self, normalise: Normalise, *batch: tf.Tensor) -> tuple[tuple[tf.Tensor, tf.Tensor], tf.Tensor]:
        a, b, same = batch
        return (normalise(a), normalise(b)), same

    def _shuffled(self, epoch: int) -> Ints:
        return np.random.default_rng([self._seed, epoch]).permutation(len(self._pairs.same))


def batches_of(settings: ModelSettings, images: ImageTable, pairs: PairTable) -> Batches:
    """What a training step sees, as ``settings`` have it."""
    if settings.loss.form == "pairs":
        return PairBatches(images, pairs, settings.training.batch, settings.seed)
    named = np.unique(np.concatenate([pairs.a, pairs.b]))
    views = settings.augmentation.quarter_turns_are_identities, settings.augmentation.mirrors_are_identities
    mined = np.stack([pairs.a, pairs.b], axis=1)[pairs.mined] if pairs.mined is not None else None
    return IdentityBatches(images, named, settings.training.batch, settings.seed, *views, mined)


@dataclass(frozen=True)
class Share:
    """What the replicas of one host take of every batch.

    Attributes:
      first: the part of the host's first replica.
      here: how many replicas the host has: it takes so many parts, one after the other.
      parts: of a batch: how many replicas there are on all hosts.
    """

    first: int = 0
    here: int = 1
    parts: int = 1


def batch_dataset(batches: Batches, steps: range, normalise: Normalise, share: Share = Share()) -> tf.data.Dataset:
    """The batches of the ``steps`` as a ``tf.data.Dataset`` of (x, y), made ahead of the accelerator.

    Args:
      batches: where they come from.
      steps: which.
      normalise: the graph of Transform.
      share: of each batch; an element is then one replica's part.
    """

    def part(number: int) -> tuple[NDArray[Any], ...]:
        step, replica = divmod(number, share.here)
        return batches.step(steps[step], share.first + replica, share.parts)

    def batch(number: tf.Tensor) -> tuple[Any, tf.Tensor]:
        parts = tf.numpy_function(lambda n: part(int(n)), [number], list(batches.signature), stateful=False)
        for one in parts:
            one.set_shape([None])
        return batches.inputs(normalise, *parts)

    numbers = tf.data.Dataset.range(len(steps) * share.here)
    return numbers.map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)
