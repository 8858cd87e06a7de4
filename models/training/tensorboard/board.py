"""The curves, histograms and the graph of a training."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.data.dataset import Ints
from models.training.tensorboard.histogram import write_histogram
from models.training.validation import PairDistances, ValidationMonitor

_WATCHED = 32  # validation images whose activations are shown
_PIXELS = 32 * 64 * 64  # of them all: fewer images where those are large, as the activations of all layers are held


class Board(keras.callbacks.Callback):
    """Writes each epoch for TensorBoard: the runs ``train`` and ``validation`` in a folder.

    Scalars: ``loss`` and ``learning_rate``; ``auc``, ``eer``, ``accuracy``, ``spread`` and the mean distances of
    genuine and impostor pairs. Histograms: the distances of both, every weight of the encoder, and the activations of
    its layers for the same few validation images. The encoder's graph, once. List it after the ``monitor``, whose
    metrics it writes.

    Args:
      folder: of TensorBoard's logs.
      monitor: has the metrics of the epoch.
      distances: of the validation pairs.
      same: [pairs], 1 of genuine ones.
      every: epochs from one set of histograms to the next; 0: neither histograms nor the graph.
    """

    def __init__(
        self, folder: Path, monitor: ValidationMonitor, distances: PairDistances, same: Ints, every: int = 1
    ) -> None:
        super().__init__()
        self._train = tf.summary.create_file_writer(str(folder / "train"))
        self._validation = tf.summary.create_file_writer(str(folder / "validation"))
        self._monitor, self._distances, self._same = monitor, distances, same.astype(bool)
        self._every, self._drawn = every, False
        self._probe: keras.Model | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        histograms = self._every and epoch % self._every == 0
        with self._train.as_default(step=epoch):
            tf.summary.scalar("learning_rate", float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)))
            tf.summary.scalar("loss", logs["loss"])
            if histograms:
                self._write_weights()
        with self._validation.as_default(step=epoch):
            for name, value in logs.items():
                if name.startswith("val_"):
                    tf.summary.scalar(name.removeprefix("val_"), value)
            if histograms and self._monitor.latest is not None:
                write_histogram("distance/genuine", self._monitor.latest[self._same])
                write_histogram("distance/impostor", self._monitor.latest[~self._same])
                self._write_activations()
        self._train.flush()
        self._validation.flush()

    def _write_weights(self) -> None:
        for weight in self.model.encoder.weights:
            if keras.backend.is_float_dtype(weight.dtype):
                write_histogram(f"weights/{weight.path}", keras.ops.convert_to_numpy(weight))
        if not self._drawn:
            tf.summary.graph(self._distances.graph())
            self._drawn = True

    def _write_activations(self) -> None:
        encoder = self.model.encoder
        if self._probe is None:
            layers = [layer for layer in encoder.layers if not isinstance(layer, keras.layers.InputLayer)]
            # Not ``layer.output``: of a backbone, a model within the model, that is a tensor of its own graph.
            outputs = {layer.name: keras.Operation.output.fget(layer) for layer in layers}
            self._probe = keras.Model(encoder.input, outputs)
        height, width = encoder.input.shape[1:3]
        images = self._distances.images(min(_WATCHED, max(1, _PIXELS // (height * width))))
        for name, activation in self._probe(images, training=False).items():
            write_histogram(f"activations/{name}", keras.ops.convert_to_numpy(activation).astype(np.float32))
