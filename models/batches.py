"""Which images a training step sees. Step i of a seed is the same batch wherever and whenever it is asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.dataset import ImageTable, Ints, PairTable, to_raw
from models.losses import FORGED
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
    label, ``losses.FORGED``.

    Args:
      images: the table.
      rows: the rows that may be used (those that the train pairs name).
      settings: identities, images, groups and forgeries a step.
      seed: of everything random here.
      quarter_turns: whether an image turned by a multiple of 90 degrees counts as another identity.
      mirrors: whether its mirror image does.
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
    ) -> None:
        self._images, self._seed = images, seed
        self._turns, self._sides = 4 if quarter_turns else 1, 2 if mirrors else 1
        forged = images.imitates[rows] >= 0
        self._forgeries = _rows_by(rows[forged], images.imitates[rows[forged]])
        self._forgeries_each = settings.forgeries
        rows = rows[~forged]
        order = rows[np.argsort(images.identity[rows], kind="stable")]
        self._numbers, starts = np.unique(images.identity[order], return_index=True)
        self._members = np.split(order, starts[1:])
        self._by_group = _positions_by(images.group[order[starts]])
        size = settings.identities * settings.images
        self._identities = min(settings.identities, len(self._members))
        self.most_parts = self._identities // 2
        self._each = max(settings.images, size // self._identities)
        self._groups = min(settings.groups, len(self._by_group))
        self.steps_per_epoch = max(1, -(-len(rows) // (self._identities * self._each)))

    def step(self, number: int, part: int = 0, parts: int = 1) -> tuple[NDArray[Any], ...]:
        """(raw pixels [n], labels [n]); images of one identity lie together, forgeries at the end.

        Parts are of whole identities, each with its own forgeries.
        """
        random = np.random.default_rng([self._seed, number])
        chosen = self._choose(random)
        if parts > 1:
            chosen, random = np.array_split(chosen, parts)[part], np.random.default_rng([self._seed, number, part])
        rows = np.concatenate([self._draw(random, self._members[identity]) for identity in chosen])
        labels = np.repeat(chosen, self._each)
        pixels = self._images.pixels[rows]
        views = self._turns * self._sides
        if views > 1:
            view = np.repeat(random.integers(0, views, len(chosen)), self._each)
            pixels = np.stack([self._seen(image, number) for image, number in zip(pixels, view.tolist(), strict=True)])
            labels = labels * views + view
        forged = self._draw_forgeries(random, chosen)
        raw = to_raw(pixels)
        if len(forged):
            raw = np.concatenate([raw, self._images.raw(forged)])
            labels = np.concatenate([labels, np.full(len(forged), FORGED)])
        return raw, labels

    def inputs(self, normalise: Normalise, *batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        raw, labels = batch
        return normalise(raw), labels

    def _seen(self, image: NDArray[np.uint8], view: int) -> NDArray[np.uint8]:
        side, turn = divmod(view, self._turns)
        return np.rot90(image[:, ::-1] if side else image, turn)

    def _choose(self, random: np.random.Generator) -> Ints:
        sizes = np.array([len(group) for group in self._by_group], float)
        groups = random.choice(len(sizes), self._groups, replace=False, p=sizes / sizes.sum())
        share = -(-self._identities // self._groups)
        chosen = [
            random.choice(self._by_group[group], min(share, len(self._by_group[group])), replace=False)
            for group in groups
        ]
        drawn = np.concatenate(chosen)[: self._identities]
        if short := self._identities - len(drawn):
            others = np.setdiff1d(np.arange(len(self._members)), drawn)
            drawn = np.concatenate([drawn, random.choice(others, short, replace=False)])
        return drawn.astype(np.int64)

    def _draw(self, random: np.random.Generator, members: Ints) -> Ints:
        whole, rest = divmod(self._each, len(members))
        extra = random.choice(members, rest, replace=False) if rest else members[:0]
        return np.concatenate([np.tile(members, whole), extra])

    def _draw_forgeries(self, random: np.random.Generator, chosen: Ints) -> Ints:
        given = [self._forgeries.get(number) for number in self._numbers[chosen].tolist()]
        drawn = [
            random.choice(rows, min(self._forgeries_each, len(rows)), replace=False)
            for rows in given
            if rows is not None
        ]
        return np.concatenate(drawn) if drawn else chosen[:0]


class PairBatches:
    """The generated pairs themselves, in a new order every epoch."""

    signature = (tf.string, tf.string, tf.int64)

    def __init__(self, images: ImageTable, pairs: PairTable, settings: BatchSettings, seed: int) -> None:
        self._images, self._pairs, self._seed = images, pairs, seed
        self._size = self.most_parts = min(settings.pairs, len(pairs.same))
        self.steps_per_epoch = len(pairs.same) // self._size

    def step(self, number: int, part: int = 0, parts: int = 1) -> tuple[NDArray[Any], ...]:
        """(raw pixels of a [n], of b [n], same [n])."""
        epoch, position = divmod(number, self.steps_per_epoch)
        order = np.random.default_rng([self._seed, epoch]).permutation(len(self._pairs.same))
        rows = np.array_split(order[position * self._size : (position + 1) * self._size], parts)[part]
        return self._images.raw(self._pairs.a[rows]), self._images.raw(self._pairs.b[rows]), self._pairs.same[rows]

    def inputs(self, normalise: Normalise, *batch: tf.Tensor) -> tuple[tuple[tf.Tensor, tf.Tensor], tf.Tensor]:
        a, b, same = batch
        return (normalise(a), normalise(b)), same


def batches_of(settings: ModelSettings, images: ImageTable, pairs: PairTable) -> Batches:
    """What a training step sees, as ``settings`` have it."""
    if settings.loss.form == "pairs":
        return PairBatches(images, pairs, settings.training.batch, settings.seed)
    named = np.unique(np.concatenate([pairs.a, pairs.b]))
    views = settings.augmentation.quarter_turns_are_identities, settings.augmentation.mirrors_are_identities
    return IdentityBatches(images, named, settings.training.batch, settings.seed, *views)


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


def _rows_by(rows: Ints, labels: Ints) -> dict[int, Ints]:
    return {int(labels[positions[0]]): rows[positions] for positions in _positions_by(labels) if len(positions)}


def _positions_by(labels: Ints) -> list[Ints]:
    order = np.argsort(labels, kind="stable")
    _, starts = np.unique(labels[order], return_index=True)
    return np.split(order, starts[1:])
