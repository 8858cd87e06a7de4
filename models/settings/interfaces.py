"""What a loss, a distance, an encoder, an augmentation, an optimizer and a schedule have to define.

Each is a class in a module of its registry's package (``models.network.losses`` and so on), which registers it by lying
there. Fields are options of the configuration; class variables declare what other modules need before anything is
built. Such modules import Keras only through ``models.network.lazy_keras``.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from models.settings.image import ImageSettings
from models.settings.registry import Choice

Tensor = Any  # a backend tensor
Model = Any  # a ``keras.Model``


class Distance(Choice):
    """A distance between embeddings. Zero is alike; larger is less alike.

    Attributes:
      margin_unit: which default margins of a loss it takes: "euclidean" if it grows like differences of embeddings,
        "cosine" if it grows like their squares.
      ignores_length: whether only directions count, so that it is bounded whatever the length of embeddings.
      orders_as_cosine: whether it orders pairs of unit embeddings as their cosine does.
      learns_weights: whether each dimension has a learned weight: the encoder's last layer, so that serving knows
        nothing of it.
    """

    margin_unit: ClassVar[str] = "euclidean"
    ignores_length: ClassVar[bool] = False
    orders_as_cosine: ClassVar[bool] = False
    learns_weights: ClassVar[bool] = False

    @staticmethod
    def paired(a: Tensor, b: Tensor) -> Tensor:
        """[n, d], [n, d] -> [n]: row i with row i."""
        raise NotImplementedError

    @staticmethod
    def pairwise(x: Tensor) -> Tensor:
        """[n, d] -> [n, n], symmetric: every row with every other."""
        raise NotImplementedError

    @classmethod
    def ratio(cls, size: int) -> float:
        """The distance of random unit embeddings of ``size`` numbers, as a multiple of their Euclidean distance."""
        del size
        return 1.0

    @classmethod
    def largest(cls, size: int) -> float:
        """The largest distance between unit embeddings of ``size`` numbers."""
        del size
        return math.inf


class Loss(Choice):
    """A loss. It supports the forms whose method it defines: ``batch``, ``pairs``, or both.

    Attributes:
      of_cosines: whether it sees directions alone, and needs a distance that orders pairs as cosines do.
      margins: default margins in either unit of a distance, for unit embeddings: {"euclidean": {"margin": 1.1}, ...}.
        They are scaled to the distance and the encoder. Their fields have the default None.
      only_in_batches: options that ``pairs`` does not read.
    """

    of_cosines: ClassVar[bool] = False
    margins: ClassVar[Mapping[str, Mapping[str, float]]] = {}
    only_in_batches: ClassVar[tuple[str, ...]] = ()

    def batch(self, labels: Tensor, embeddings: Tensor, distance: type[Distance]) -> Tensor:
        """The loss of all pairs of a batch, a scalar.

        Args:
          labels: [n]; ``models.network.pairwise`` finds genuine and impostor pairs by them.
          embeddings: float32 [n, d]; the logits [n, n] where ``head`` gives a layer.
          distance: the one that serves.
        """
        raise NotImplementedError

    def pairs(self, same: Tensor, distance: Tensor) -> Tensor:
        """The loss of each generated pair: [n], 1 for a genuine one, and the distances [n] (or logits) -> [n]."""
        raise NotImplementedError

    def head(self, scale: float) -> Any:
        """A layer from distances to the inputs of the loss, or None.

        ``scale``: how far apart random embeddings are, as a multiple of unit ones.
        """
        del scale

    @classmethod
    def forms(cls) -> tuple[str, ...]:
        """The values of ``loss.form`` that it supports."""
        return tuple(form for form in ("batch", "pairs") if getattr(cls, form) is not getattr(Loss, form))

    @classmethod
    def options_of(cls, form: str) -> tuple[str, ...]:
        """The options that it reads in one form."""
        return tuple(key for key in cls.own_options() if form == "batch" or key not in cls.only_in_batches)


@dataclass(frozen=True)
class PixelRange:
    """The scale on which a network takes its pixels."""

    mean: float = 0.0  # of the training pixels, or near it
    deviation: float = 1.0  # their standard deviation, or near it
    # Black and white, where all images have the same; distorted pixels stay between them.
    ends: tuple[float, float] | None = None


EMBEDDING: Any = Field(64, ge=2, le=4096, description="numbers that stand for an image")
DROPOUT: Any = Field(0.1, ge=0, lt=1, description="share of the features before the embedding that a step leaves out")
UNIT_NORM: Any = Field(True, description="embeddings on the unit sphere: distances are bounded")


class Encoder(Choice):
    """A network from an image to an embedding. A subclass may give the options below another default."""

    implied_by: ClassVar[str | None] = None  # an option that chooses this encoder where ``encoder.name`` is not set

    embedding: int = EMBEDDING
    dropout: float = DROPOUT
    unit_norm: bool = UNIT_NORM

    def build(self, image: ImageSettings) -> Model:
        """float32 [n, height, width, channels], of ``pixel_range`` -> float32 [n, embedding]."""
        raise NotImplementedError

    @property
    def pixel_range(self) -> PixelRange:
        """How it takes its pixels: normalised over the train split."""
        return PixelRange()

    @property
    def smallest_side(self) -> int:
        """The least height and width that it takes."""
        return 1

    @property
    def first_length(self) -> float:
        """How long embeddings are when a training begins, where their length is free."""
        return math.sqrt(self.embedding)

    @property
    def pretrained(self) -> str | None:
        """Where its first weights come from: "imagenet", a path or a URL; None where they are random."""
        return None

    @classmethod
    def lacks_norms(cls, options: Mapping[str, Any]) -> bool:
        """Whether the network has no norms and random weights: it then collapses at the usual learning rate."""
        del options
        return False

    @classmethod
    def dropped(cls, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
        """Options of ``before`` that no longer apply beside ``after``, each with the option that replaced it."""
        del before, after
        return {}


@dataclass(frozen=True)
class Step:
    """What an augmentation may use in one training step."""

    # (shape, low, high) -> random numbers of the augmentation's own generator.
    uniform: Callable[[tuple[Any, ...], float, float], Tensor]
    pixels: PixelRange = PixelRange()
    compiled: bool = False  # whether XLA compiles the step


class Augmentation(Choice):
    """A random distortion of training images. Its fields are keys of ``augmentation:``; at their defaults it is off.

    They are applied from the lowest ``order`` to the highest; it also sets the random numbers apart.
    """

    order: ClassVar[int]

    def distort(self, images: Tensor, step: Step) -> Tensor:
        """[n, height, width, channels] -> the same shape; each image differently."""
        raise NotImplementedError

    @property
    def is_on(self) -> bool:
        """Whether any of its keys is set."""
        return any(getattr(self, key) for key in self.own_options())


class Optimizer(Choice):
    """An optimizer."""

    rate: ClassVar[float]  # the learning rate where none is set

    def build(self, **common: Any) -> Any:
        """A ``keras.optimizers.Optimizer``; ``common``: learning_rate, global_clipnorm, gradient_accumulation_steps."""
        raise NotImplementedError


class Schedule(Choice):
    """How the learning rate changes over a training."""

    def build(self, rate: float, steps: int) -> Any:
        """A ``LearningRateSchedule`` of Keras that begins at ``rate`` and lasts ``steps``."""
        raise NotImplementedError
