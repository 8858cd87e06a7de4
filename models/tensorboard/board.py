"""The curves, histograms and the graph of a training."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from models.dataset import Ints
from models.validation import PairDistances, ValidationMonitor

_WATCHED = 32  # validation images whose activations are shown


class Board(keras.callbacks.Callback):
    """Writes each epoch for TensorBoard: the runs ``train`` and ``validation`` in a folder.

    Scalars: ``loss`` and ``learning_rate``; ``auc``, ``eer``, ``accuracy``, ``spread`` and the mean distances of
    genuine and impostor pairs. Histograms: the distances of both, every weight of the encoder, what each of its layers
    makes of the same few validation images. The encoder's graph, once. List it after the ``monitor``, whose measures
    it writes.

    Args:
      folder: of TensorBoard's logs.
      monitor: has measured the epoch.
      distances: of the validation pairs.
      same: [pairs], 1 of genuine ones.
      histograms: whether there are any, and the graph.
    """

    def __init__(
        self, folder: Path, monitor: ValidationMonitor, distances: PairDistances, same: Ints, histograms: bool = True
    ) -> None:
        super().__init__()
        self._train = tf.summary.create_file_writer(str(folder / "train"))
        self._validation = tf.summary.create_file_writer(str(folder / "validation"))
        self._monitor, self._distances, self._same = monitor, distances, same.astype(bool)
        self._histograms, self._drawn = histograms, False
        self._probe: keras.Model | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        with self._train.as_default(step=epoch):
            tf.summary.scalar("learning_rate", float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)))
            tf.summary.scalar("loss", logs["loss"])
            if self._histograms:
                self._write_weights()
        with self._validation.as_default(step=epoch):
            for name, value in logs.items():
                if name.startswith("val_"):
                    tf.summary.scalar(name.removeprefix("val_"), value)
            if self._histograms and self._monitor.latest is not None:
                tf.summary.histogram("distance/genuine", self._monitor.latest[self._same])
                tf.summary.histogram("distance/impostor", self._monitor.latest[~self._same])
                self._write_activations()
        self._train.flush()
        self._validation.flush()

    def _write_weights(self) -> None:
        for weight in self.model.encoder.weights:
            if keras.backend.is_float_dtype(weight.dtype):
                tf.summary.histogram(f"weights/{weight.path}", weight.value)
        if not self._drawn:
            tf.summary.graph(self._distances.graph())
            self._drawn = True

    def _write_activations(self) -> None:
        encoder = self.model.encoder
        layers = [layer for layer in encoder.layers if not isinstance(layer, keras.layers.InputLayer)]
        if self._probe is None:
            self._probe = keras.Model(encoder.input, {layer.name: layer.output for layer in layers})
        for name, activation in self._probe(self._distances.images(_WATCHED), training=False).items():
            tf.summary.histogram(f"activations/{name}", keras.ops.convert_to_numpy(activation).astype("float32"))
