"""TensorBoard: curves, histograms and graph of a training, augmented images, embeddings, and trials of the Tuner."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image, ImageOps
from tensorboard.plugins import projector
from tensorboard.plugins.histogram import metadata
from tensorboard.plugins.hparams import api as hparams

from models.data.batches import Batches, Normalise
from models.data.dataset import ImageTable, Ints
from models.data.features import AUGMENTED
from models.network.augmentation import build_augmentation
from models.settings import ModelSettings
from models.training.validation import PairDistances, ValidationMonitor

_WATCHED = 32  # validation images whose activations are shown
_PIXELS = 32 * 64 * 64  # of them all: fewer images where those are large, as the activations of all layers are held
_BUCKETS = 30  # of a histogram: TensorBoard's own number
_ROWS, _COLUMNS = 8, 8  # of augmented images
_SIDE = 64  # pixels that an augmented image has at least, in the file
_GAP = 2
MOST_EMBEDDINGS = 2000  # the projector's own views grow slow beyond
_THUMBNAIL = 48  # pixels


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


def write_histogram(name: str, values: NDArray[Any]) -> None:
    """Writes what ``tf.summary.histogram`` would, to the current writer at its step.

    That one makes 30 doubles of every value: 9 GB of the largest layer of Koch's network. This takes a block of values
    at a time. Values that are not finite are not counted: training monitors stop a training that diverges.
    """
    tf.summary.write(name, _buckets(values), metadata=metadata.create_summary_metadata(None, None))


def _buckets(values: NDArray[Any]) -> NDArray[np.float64]:
    """[30, (left, right, count)]; of nothing, all zero; of a single value its number is in the last."""
    values = np.ravel(values)
    if not (finite := np.isfinite(values)).all():
        values = values[finite]
    if not values.size:
        return np.zeros((_BUCKETS, 3))
    low, high = float(values.min()), float(values.max())
    if low == high:
        return np.array([[low, high, 0]] * (_BUCKETS - 1) + [[low, high, values.size]], np.float64)
    counts, edges = np.histogram(values, _BUCKETS, (low, high))
    return np.stack([edges[:-1], edges[1:], counts], axis=1)


def augmented_images(
    settings: ModelSettings, batches: Batches, normalise: Normalise, folder: Path, board: bool = True
) -> NDArray[np.uint8]:
    """Draws the images of some identities of the first step, first undistorted, then distorted seven times.

    Turned and mirrored copies that count as identities are fed as such. Writes ``augmented.png``, and with ``board``
    the same for TensorBoard.

    Returns:
      uint8 [rows * height, 8 * width, channels].
    """
    raw, *_, labels = batches.step(0)
    _, first = np.unique(labels, return_index=True)
    rows = np.sort(first)[:_ROWS] if settings.loss.form == "batch" else np.arange(min(_ROWS, len(labels)))
    shown = normalise(tf.constant(raw[rows]))
    seen = settings.encoder.chosen.pixel_range
    # A separate one, because drawing changes its state.
    distort = build_augmentation(settings.augmentation, settings.seed, pixels=seen)
    columns = [shown, *(distort(shown, training=True) for _ in range(_COLUMNS - 1))]
    pixels = _as_pixels(np.stack([np.asarray(column) for column in columns], axis=1), settings, normalise)
    height, width, channels = pixels.shape[2:]
    grid = pixels.transpose(0, 2, 1, 3, 4).reshape(len(rows) * height, _COLUMNS * width, channels)
    folder.mkdir(parents=True, exist_ok=True)
    _spaced(pixels).save(folder / AUGMENTED)
    if board:
        with tf.summary.create_file_writer(str(folder / "augmented")).as_default(step=0):
            tf.summary.image("original, then distorted", grid[np.newaxis])
    return grid


def _as_pixels(images: NDArray[np.float32], settings: ModelSettings, normalise: Normalise) -> NDArray[np.uint8]:
    """Back from what the network is fed, [..., height, width, channels]: of each channel a linear function."""
    size = settings.image
    ends = normalise(tf.constant([bytes([value]) * (size.height * size.width * size.channels) for value in (0, 255)]))
    black, white = (np.asarray(end)[0, 0] for end in ends)
    return np.clip(np.rint((images - black) / (white - black) * 255), 0, 255).astype(np.uint8)


def _spaced(pixels: NDArray[np.uint8]) -> Image.Image:
    """[rows, columns, height, width, channels] as one picture, with gaps; the first column stands apart."""
    rows, columns, height, width, channels = pixels.shape
    factor = -(-_SIDE // min(height, width))
    tall, wide = height * factor + _GAP, width * factor + _GAP
    mode = "RGB" if channels == 3 else "L"
    picture = Image.new(mode, (columns * wide + 3 * _GAP, rows * tall), "gray")
    for row in range(rows):
        for column in range(columns):
            one = Image.fromarray(pixels[row, column].squeeze())
            corner = (column * wide + (3 * _GAP if column else 0), row * tall)
            picture.paste(one.resize((width * factor, height * factor), Image.Resampling.NEAREST), corner)
    return picture


def write_projector(folder: Path, images: ImageTable, rows: Ints, embeddings: NDArray[np.float32]) -> None:
    """Writes the files of the projector: ``embeddings.tsv``, ``metadata.tsv``, ``sprite.png`` and its configuration.

    Into ``embeddings``, a run of its own: the projector looks into folders with events, and again when one is new.

    Args:
      folder: of TensorBoard's logs.
      images: the table.
      rows: [n], the images that were embedded; more than ``MOST_EMBEDDINGS`` are thinned out evenly.
      embeddings: [n, d].
    """
    kept = np.linspace(0, len(rows) - 1, min(MOST_EMBEDDINGS, len(rows))).astype(int)
    rows, embeddings = rows[kept], embeddings[kept]
    folder = folder / "embeddings"
    folder.mkdir(parents=True, exist_ok=True)
    np.savetxt(folder / "embeddings.tsv", embeddings, fmt="%.5g", delimiter="\t")
    ids = {row: image_id for image_id, row in images.row_of.items()}
    with (folder / "metadata.tsv").open("w", encoding="utf-8") as file:
        file.write("identity\timage\n")
        for row in rows.tolist():
            image_id = ids.get(row, b"").decode("utf-8", "replace")
            file.write(f"{images.name_of(row)}\t{' '.join(image_id.split())}\n")
    columns = int(np.ceil(np.sqrt(len(rows))))
    sprite = Image.new("RGB", (columns * _THUMBNAIL, columns * _THUMBNAIL), "white")
    for position, row in enumerate(rows.tolist()):
        thumbnail = Image.fromarray(images.pixels[row].squeeze()).convert("RGB")
        across, down = position % columns * _THUMBNAIL, position // columns * _THUMBNAIL
        sprite.paste(
            ImageOps.pad(thumbnail, (_THUMBNAIL, _THUMBNAIL), Image.Resampling.BILINEAR, "white"), (across, down)
        )
    sprite.save(folder / "sprite.png")
    config = projector.ProjectorConfig()
    shown = config.embeddings.add()
    shown.tensor_name, shown.tensor_path = "validation images", "embeddings.tsv"
    shown.metadata_path = "metadata.tsv"
    shown.sprite.image_path = "sprite.png"
    shown.sprite.single_image_dim.extend([_THUMBNAIL, _THUMBNAIL])
    projector.visualize_embeddings(str(folder), config)
    with tf.summary.create_file_writer(str(folder)).as_default(step=0):
        tf.summary.scalar("images", len(rows))


def write_trial(folder: Path, values: Mapping[str, float], metrics: Mapping[str, float]) -> None:
    """Writes the tuned values of a trial and its metrics, by name, for HParams: it compares all folders of trials."""
    with tf.summary.create_file_writer(str(folder)).as_default():
        hparams.hparams(dict(values), trial_id=folder.parent.name)
        for name, value in metrics.items():
            tf.summary.scalar(name, value, step=0)
