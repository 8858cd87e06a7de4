"""Losses: one idea a file. What a training pays for genuine pairs apart and impostors together."""

from collections.abc import Callable

import keras

from models.network.losses.binary_cross_entropy import (
    BinaryCrossEntropyLoss,
    InBatchBinaryCrossEntropyLoss,
    LearnedVerdict,
)
from models.network.losses.contrastive import ContrastiveLoss, InBatchContrastiveLoss
from models.network.losses.multi_similarity import MultiSimilarityLoss
from models.network.losses.supervised_contrastive import SupervisedContrastiveLoss
from models.network.losses.triplet import TripletLoss
from models.settings import LossSettings

__all__ = ["IN_BATCH", "OF_PAIRS", "LearnedVerdict", "build_loss"]

# By ``loss.name``. Those of a batch compare all embeddings of a step, those of pairs are given the distance of each.
IN_BATCH: dict[str, Callable[[LossSettings], keras.losses.Loss]] = {
    "contrastive": lambda loss: InBatchContrastiveLoss(loss.distance, **loss.options()),
    "binary_cross_entropy": lambda _: InBatchBinaryCrossEntropyLoss(),
    "triplet": lambda loss: TripletLoss(loss.distance, **loss.options()),
    "multi_similarity": lambda loss: MultiSimilarityLoss(**loss.options()),
    "supervised_contrastive": lambda loss: SupervisedContrastiveLoss(**loss.options()),
}
OF_PAIRS: dict[str, Callable[[LossSettings], keras.losses.Loss]] = {
    "contrastive": lambda loss: ContrastiveLoss(**loss.options()),
    "binary_cross_entropy": lambda _: BinaryCrossEntropyLoss(),
}


def build_loss(loss: LossSettings) -> keras.losses.Loss:
    """The loss that ``loss`` describes, for ``compile``."""
    return (IN_BATCH if loss.form == "batch" else OF_PAIRS)[loss.name](loss)
