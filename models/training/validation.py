"""Watching the validation pairs while the network trains, and stopping where it has diverged or collapsed."""

import logging
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.data.dataset import ImageTable, Ints, PairTable
from models.errors import TrainingFailed
from models.network.distances import DISTANCES
from models.verification.arrays import Floats
from models.verification.calibration import best_accuracy
from models.verification.metrics import metric_value

progress = logging.getLogger("siamese.progress")

_CHUNK = 256
_COLLAPSED = 1e-3  # spread of embeddings, as a share of their length


class PairDistances:
    """Distances of the pairs of a split under the current weights of the encoder.

    Every image is embedded once, however many pairs it is in; memory grows with the embeddings, not the pixels.
    """

    def __init__(
        self,
        encoder: keras.Model,
        normalise: Callable[[tf.Tensor], tf.Tensor],
        distance: str,
        images: ImageTable,
        pairs: PairTable,
    ) -> None:
        self._images, self._pairs, self._normalise = images, pairs, normalise
        self.rows: Ints = np.unique(np.concatenate([pairs.a, pairs.b]))
        self._between = DISTANCES[distance].paired
        spec = [tf.TensorSpec([None], tf.string)]
        self._embed = tf.function(
            lambda raw: encoder(normalise(raw), training=False), input_signature=spec, autograph=False
        )

    def __call__(self) -> Floats:
        """[pairs] distances."""
        return self.of(self.embeddings())

    def of(self, embeddings: NDArray[np.float32]) -> Floats:
        """[images, d], as ``embeddings`` gives them -> [pairs] distances."""
        a, b = np.searchsorted(self.rows, self._pairs.a), np.searchsorted(self.rows, self._pairs.b)
        return np.asarray(self._between(embeddings[a], embeddings[b]), np.float64)

    def graph(self) -> tf.Graph:
        """From raw pixels to embeddings."""
        return self._embed.get_concrete_function().graph

    def images(self, count: int) -> tf.Tensor:
        """float32 [n, height, width, channels]: some of the images as the encoder takes them, always the same."""
        chosen = self.rows[np.linspace(0, len(self.rows) - 1, min(count, len(self.rows))).astype(int)]
        return self._normalise(tf.constant(self._images.raw(chosen)))

    def embeddings(self) -> NDArray[np.float32]:
        """[images, d]: of every image that a pair names, as ``rows`` has them."""
        chunks = np.array_split(self.rows, -(-len(self.rows) // _CHUNK))
        return np.concatenate([self._embed(tf.constant(self._images.raw(rows))).numpy() for rows in chunks])


class ValidationMonitor(keras.callbacks.Callback):
    """Adds the validation metrics to each epoch's logs, where early stopping and TensorBoard find them.

    ``val_auc``, ``val_eer`` and ``val_accuracy`` (at the best threshold), the mean distance of genuine and of impostor
    pairs, and ``val_spread``: how far embeddings lie from their mean, as a share of their length.
    """

    def __init__(self, distances: PairDistances, same: Ints, epochs: int) -> None:
        super().__init__()
        self._distances, self._same, self._epochs = distances, same.astype(bool), epochs
        self.latest: Floats | None = None  # [pairs] distances of the last epoch; None where they are not finite

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs if logs is not None else {}
        embeddings = self._distances.embeddings()
        distance = self._distances.of(embeddings)
        logs["val_spread"] = _spread(embeddings)
        self.latest = None
        if not np.isfinite(distance).all():  # ``TrainingMonitors`` stops the training
            logs |= {"val_genuine_distance": float("nan"), "val_impostor_distance": float("nan")}
            return
        self.latest = distance
        for metric in ("auc", "eer"):
            logs[f"val_{metric}"] = metric_value(metric, self._same, distance)
        logs["val_accuracy"] = best_accuracy(self._same, distance)
        logs["val_genuine_distance"] = float(distance[self._same].mean())
        logs["val_impostor_distance"] = float(distance[~self._same].mean())
        progress.info(
            "epoch %d/%d  loss %.4f  validation AUC %.4f  EER %.4f  accuracy %.4f",
            *(epoch + 1, self._epochs, logs["loss"], logs["val_auc"], logs["val_eer"], logs["val_accuracy"]),
        )


def _spread(embeddings: NDArray[np.float32]) -> float:
    """Root mean square distance from the mean, by the root mean square length; 0 where all are one or nothing."""
    length = float(np.square(embeddings).sum(axis=1).mean())
    return float(np.sqrt(embeddings.var(axis=0).sum() / length)) if length > 0 else 0.0


class TrainingMonitors(keras.callbacks.Callback):
    """Raises when a loss or a validation distance is not finite, or when all embeddings have collapsed to one point.

    List it after ``ValidationMonitor``, whose ``val_spread`` and distances it reads.

    Raises:
      TrainingFailed: at the end of the epoch in which it happened, of a collapse at the end of the next one: the
        weights of one epoch may be such that moving statistics do not fit them yet, while the network learns.
    """

    def __init__(self) -> None:
        super().__init__()
        self._collapsed = False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        seen = logs or {}
        when = f"training failed in epoch {epoch + 1}"
        if not np.isfinite(seen["loss"]):
            raise TrainingFailed(
                f"{when}: the loss is not a finite number; try a lower training.learning_rate", "train-not-finite"
            )
        if not np.isfinite([seen["val_genuine_distance"], seen["val_impostor_distance"]]).all():
            raise TrainingFailed(
                f"{when}: a validation distance is not a finite number; try a lower training.learning_rate",
                "train-not-finite",
            )
        before, self._collapsed = self._collapsed, seen["val_spread"] < _COLLAPSED
        if before and self._collapsed:
            raise TrainingFailed(
                f"{when}: the encoder has collapsed to one point (impostors are {seen['val_impostor_distance']:.2g} "
                "apart on the validation split); try a lower training.learning_rate, a longer training.warmup, "
                "or loss.name: contrastive",
                "train-collapsed",
            )
