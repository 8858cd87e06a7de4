"""The batches of a training: which images and pairs a step has. Step i of a seed is always the same batch."""

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
from models.data.sampler import IdentityIndex, Sampler, sample_distinct, sampler, shuffled
from models.settings import BatchSettings, ModelSettings

Normalise = Callable[[tf.Tensor], tf.Tensor]  # string [n] raw pixels -> float32 [n, height, width, channels]


class Batches(Protocol):
    """A source of batches, each a function of its step's number."""

    steps_per_epoch: int  # that use every image, or pair, about once
    most_parts: int  # that a batch can be cut into so that each has pairs
    signature: tuple[tf.DType, ...]  # of what ``step`` returns

    def step(self, number: int, part: int = 0, parts: int = 1) -> tuple[NDArray[Any], ...]:
        """The batch of a step, or one of its ``parts``: raw pixels, ..., labels."""

    def inputs(self, normalise: Normalise, *batch: tf.Tensor) -> tuple[Any, tf.Tensor]:
        """The batch as the input of the network: (x, y)."""


class IdentityBatches:
    """Batches of some identities, some images and some forgeries of each: every pair in a batch is a training pair.

    The identities of a step come from a few groups, so that every batch has impostors of the same group, the hard ones.
    Where there are fewer identities than configured, each has more images. An identity with fewer images than
    configured repeats them (augmented differently). Given forgeries are impostors to every other image and share one
    label, ``features.FORGED``.

    Where the pair list has mined impostor pairs, a share ``settings.mined`` of the identities are those of such pairs,
    with the two images of each pair. Every mined pair is used once before any is used again.

    Args:
      images: the table.
      rows: the rows that may be used (those that the train pairs name).
      settings: identities, images, groups and forgeries of a step, and the share of mined pairs.
      seed: of all sampling.
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
        self._forgeries = IdentityIndex(rows[forged], images.imitates[rows[forged]])
        self._forgeries_each = settings.forgeries
        rows = rows[~forged]
        self._by_identity = IdentityIndex(rows, images.identity[rows])
        _, first = np.unique(images.identity[rows], return_index=True)
        self._by_group = IdentityIndex(np.arange(len(first)), images.group[rows[first]])
        imitated = {identity: forgeries for forgeries, identity in enumerate(self._forgeries.labels.tolist())}
        self._imitated = [imitated.get(identity) for identity in self._by_identity.labels.tolist()]
        self._identities = min(settings.identities, len(self._by_identity))
        self.most_parts = self._identities // 2
        self._each = max(settings.images, settings.identities * settings.images // self._identities)
        self._groups = min(settings.groups, len(self._by_group))
        self.steps_per_epoch = max(1, -(-len(rows) // (self._identities * self._each)))
        self._mined = np.empty((0, 2), np.int64) if mined is None else mined
        self._mined_sets = np.searchsorted(self._by_identity.labels, images.identity[self._mined])
        self._mined_each = (settings.mined or 0) * self._identities / 2  # pairs a step; the fractions add up over steps

    def step(self, number: int, part: int = 0, parts: int = 1) -> tuple[NDArray[Any], ...]:
        """(raw pixels [n], labels [n]); images of one identity lie together, forgeries at the end.

        Parts are of whole identities, each with its own forgeries.
        """
        uniform = sampler(self._seed, number)
        mined = self._mined_of(number)
        chosen = self._choose(uniform, self._mined_sets[mined].ravel().tolist())
        if parts > 1:
            chosen, uniform = np.array_split(chosen, parts)[part].tolist(), sampler(self._seed, number, part)
        rows = self._by_identity.sample_exactly(chosen, self._each, uniform)
        self._place(mined, chosen, rows.reshape(len(chosen), self._each))
        labels = np.repeat(np.array(chosen, np.int64), self._each)
        views = self._turns * self._sides
        if views > 1:
            view_of = {one: int(uniform() * views) for one in chosen}
            for one, other in self._mined_sets[mined].tolist():  # alike only if both are seen from the same side
                if one in view_of and other in view_of:
                    view_of[other] = view_of[one]
            view = np.repeat([view_of[one] for one in chosen], self._each)
            raw, labels = self._seen(rows, view), labels * views + view
        else:
            raw = self._images.raw(rows)
        imitated = [forgeries for one in chosen if (forgeries := self._imitated[one]) is not None]
        if imitated and self._forgeries_each:
            forged = self._forgeries.sample_at_most(imitated, self._forgeries_each, uniform)
            raw = np.concatenate([raw, self._images.raw(forged)])
            labels = np.concatenate([labels, np.full(len(forged), FORGED)])
        return raw, labels

    def inputs(self, normalise: Normalise, *batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        raw, labels = batch
        return normalise(raw), labels

    def _choose(self, uniform: Sampler, mined: list[int]) -> list[int]:
        """The identities of a step; ``mined`` are among them."""
        share = -(-self._identities // self._groups)
        groups = self._by_group.sample_identities(self._groups, uniform)
        of_groups = self._by_group.sample_at_most(groups, share, uniform).tolist()
        first = list(dict.fromkeys([*mined, *of_groups]))[: self._identities]
        return sample_distinct(self._identities, len(self._by_identity), uniform, first)

    def _mined_of(self, number: int) -> Ints:
        """The mined pairs of a step: the next of them, in an order that depends on the seed."""
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
        """The pixels of some rows, each turned and mirrored as its view says."""
        raw = np.empty(len(rows), object)
        for one in set(view.tolist()):
            side, turn = divmod(one, self._turns)
            shown = view == one
            pixels = self._images.pixels[rows[shown]]
            raw[shown] = to_raw(np.rot90(pixels[:, :, ::-1] if side else pixels, turn, (1, 2)))
        return raw


@lru_cache(maxsize=4)  # steps that are made at the same time may need two orders
def _permutation(size: int, seed: int, turn: int) -> list[int]:
    return shuffled(size, sampler(seed, turn, size, -1))


class PairBatches:
    """The generated pairs themselves, in a new order every epoch."""

    signature = (tf.string, tf.string, tf.int64)

    def __init__(self, images: ImageTable, pairs: PairTable, settings: BatchSettings, seed: int) -> None:
        self._images, self._pairs, self._seed = images, pairs, seed
        self._size = self.most_parts = min(settings.pairs, len(pairs.same))
        self.steps_per_epoch = len(pairs.same) // self._size
        self._order = lru_cache(maxsize=2)(self._shuffled)  # steps that are made at the same time may be of two epochs
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
    """The batches of a training with these settings."""
    if settings.loss.form == "pairs":
        return PairBatches(images, pairs, settings.training.batch, settings.seed)
    named = np.unique(np.concatenate([pairs.a, pairs.b]))
    views = settings.augmentation.quarter_turns_are_identities, settings.augmentation.mirrors_are_identities
    mined = np.stack([pairs.a, pairs.b], axis=1)[pairs.mined] if pairs.mined is not None else None
    return IdentityBatches(images, named, settings.training.batch, settings.seed, *views, mined)


@dataclass(frozen=True)
class Share:
    """The parts of every batch that the replicas of one host train on."""

    first: int = 0  # the part of the host's first replica
    here: int = 1  # replicas of the host, each with one part
    parts: int = 1  # of a batch: replicas on all hosts


def batch_dataset(batches: Batches, steps: range, normalise: Normalise, share: Share = Share()) -> tf.data.Dataset:
    """The batches of the ``steps`` as a ``tf.data.Dataset`` of (x, y), prefetched.

    With a ``share``, an element is one replica's part of a batch.
    """

    def part(number: int) -> tuple[NDArray[Any], ...]:
        step, replica = divmod(number, share.here)
        return batches.step(steps[step], share.first + replica, share.parts)

    @tf.autograph.experimental.do_not_convert  # which takes seconds, and converts the layer of Transform too
    def batch(number: tf.Tensor) -> tuple[Any, tf.Tensor]:
        parts = tf.numpy_function(lambda n: part(int(n)), [number], list(batches.signature), stateful=False)
        for one in parts:
            one.set_shape([None])
        return batches.inputs(normalise, *parts)

    numbers = tf.data.Dataset.range(len(steps) * share.here)
    return numbers.map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)
