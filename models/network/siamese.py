"""The network as it trains: one encoder used twice, or over a batch of which every pair counts."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from models.network.distances import DISTANCES
from models.network.encoders import build_encoder
from models.network.layers import LearnedWeights
from models.network.lazy_keras import Tensor
from models.settings import ModelSettings


class _Siamese(keras.Model):
    """The base of both forms of training."""

    def __init__(
        self,
        encoder: keras.Model,
        augmentation: keras.Model,
        distance: str,
        head: keras.layers.Layer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.encoder, self.augmentation, self.distance, self.head = encoder, augmentation, distance, head

    def trained_variables(self) -> list[Any]:
        """The variables that the optimizer moves."""
        return [*self.encoder.trainable_variables, *(self.head.trainable_variables if self.head else [])]

    def train_step(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Keras's; its metrics are [1] each where there are several hosts, whose mean Keras takes over that axis."""
        logs: dict[str, Any] = super().train_step(*args, **kwargs)
        if isinstance(self.distribute_strategy, tf.distribute.MultiWorkerMirroredStrategy):
            return {name: ops.reshape(value, (1,)) for name, value in logs.items()}
        return logs

    def _maybe_symbolic_build(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: all variables are there already. Keras's takes the mean over hosts of a batch and fails (#20585)."""


class BatchModel(_Siamese):
    """Embeds a batch of images; the loss compares all of them with each other.

    [n, height, width, channels] -> embeddings [n, d]; with a head the logits of all pairs, [n, n].
    """

    def call(self, images: Tensor, training: bool = False) -> Tensor:
        embeddings = self.encoder(self.augmentation(images, training=training), training=training)
        return self.head(DISTANCES[self.distance].pairwise(embeddings)) if self.head else embeddings


class PairModel(_Siamese):
    """Two towers with the same weights and the distance between them.

    ([n, height, width, channels], the same) -> distances [n]; with a head the logits, [n]. Both sides pass the encoder
    as one batch, so that batch normalisation sees them alike.
    """

    def call(self, sides: tuple[Tensor, Tensor], training: bool = False) -> Tensor:
        images = self.augmentation(ops.concatenate(sides, axis=0), training=training)
        embeddings = self.encoder(images, training=training)
        a, b = ops.split(embeddings, 2, axis=0)
        between = DISTANCES[self.distance].paired(a, b)
        return self.head(between) if self.head else between


def build_tower(settings: ModelSettings) -> keras.Model:
    """One tower: the encoder, and the weights of the distance where those are learned.

    float32 [n, height, width, channels], normalised -> float32 [n, embedding].
    """
    encoder = build_encoder(settings.image, settings.encoder)
    if not DISTANCES[settings.loss.distance].learns_weights:
        return encoder
    weighted = LearnedWeights(dtype="float32", name="distance_weights")(encoder.output)
    return keras.Model(encoder.input, weighted, name="encoder")
