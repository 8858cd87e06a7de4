"""The network as it trains: one encoder used twice, or over a batch of which every pair counts."""

from typing import Any

import keras
from keras import ops

from models.augmentation import build_augmentation
from models.distances import DISTANCES, Tensor
from models.encoders import build_encoder
from models.losses import ContrastiveLoss, InBatchContrastiveLoss
from models.optimizers import build_optimizer
from models.settings import ModelSettings


class BatchModel(keras.Model):
    """Embeds a batch of images; the loss compares all of them with each other.

    [n, height, width, channels] -> [n, d].
    """

    def __init__(self, encoder: keras.Model, augmentation: keras.Model, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.encoder, self.augmentation = encoder, augmentation

    def call(self, images: Tensor, training: bool = False) -> Tensor:
        return self.encoder(self.augmentation(images, training=training), training=training)


class PairModel(keras.Model):
    """Two towers with the same weights and the distance between them.

    ([n, height, width, channels], the same) -> [n]. Both sides pass the encoder as one batch, so that batch
    normalisation sees them alike.
    """

    def __init__(self, encoder: keras.Model, augmentation: keras.Model, distance: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.encoder, self.augmentation, self.distance = encoder, augmentation, distance

    def call(self, sides: tuple[Tensor, Tensor], training: bool = False) -> Tensor:
        images = ops.concatenate(sides, axis=0)
        embeddings = self.encoder(self.augmentation(images, training=training), training=training)
        a, b = ops.split(embeddings, 2, axis=0)
        return DISTANCES[self.distance].paired(a, b)


def build_model(settings: ModelSettings, total_steps: int) -> keras.Model:
    """The network that ``settings`` describes, compiled; its ``encoder`` attribute is what will serve."""
    encoder = build_encoder(settings.image, settings.encoder)
    augmentation = build_augmentation(settings.augmentation, settings.seed)
    loss = settings.loss
    if loss.form == "batch":
        model: keras.Model = BatchModel(encoder, augmentation)
        criterion: keras.losses.Loss = InBatchContrastiveLoss(loss.distance, loss.margin, loss.positive_margin)
    else:
        model = PairModel(encoder, augmentation, loss.distance)
        criterion = ContrastiveLoss(loss.margin)
    model.compile(optimizer=build_optimizer(settings.training, total_steps), loss=criterion, jit_compile=False)
    return model
