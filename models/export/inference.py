"""A pushed model asked directly, without a server: what ``compare``, ``evaluate`` and ``embed`` do."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.data.image_formats import DAMAGED, UnreadableImage, normalise
from models.errors import UserError, first_line
from models.export.manifest import ModelManifest
from models.verification.calibration import Calibration
from models.verification.rates import Floats

_BATCH = 64


class Comparison(NamedTuple):
    """Two images compared: ``same`` is score > 0.5; a higher score and a smaller distance are more alike."""

    distance: float
    score: float
    same: bool
    threshold: float


class Undecodable(Exception):
    """The model cannot take an input: bytes that are no image to TensorFlow, or no Example."""


class LoadedModel:
    """A SavedModel of this pipeline in this process.

    Raises:
      UserError: ``model_dir`` holds no model of this pipeline.
    """

    def __init__(self, model_dir: Path) -> None:
        self.manifest = ModelManifest.read(model_dir)
        tf = tensorflow_alone()  # seconds: only once the manifest has been found
        self._constant, self._undecodable = tf.constant, tf.errors.InvalidArgumentError
        try:
            self._model = tf.saved_model.load(str(model_dir))
        except (OSError, ValueError, LookupError, RuntimeError, tf.errors.OpError) as error:  # damaged: any of them
            raise UserError(f"{model_dir}: TensorFlow cannot load it: {first_line(error)}") from None

    @property
    def signatures(self) -> Mapping[str, Any]:
        """TensorFlow's concrete function of each signature."""
        signatures: Mapping[str, Any] = self._model.signatures
        return signatures

    def answer(self, signature: str, inputs: Mapping[str, Sequence[bytes]]) -> dict[str, NDArray[Any]]:
        """What a signature answers: strings [n] by the inputs' names -> arrays [n, ...] by the outputs' names.

        Raises:
          Undecodable: one of the inputs is nothing that the model can take; TensorFlow does not tell which.
        """
        tensors = {name: self._constant(values) for name, values in inputs.items()}
        try:
            return {name: value.numpy() for name, value in self._model.signatures[signature](**tensors).items()}
        except self._undecodable as error:
            raise Undecodable(first_line(error)) from None
        except UnicodeDecodeError:  # raised for TensorFlow's message, where that quotes the input
            raise Undecodable("not in the form that the signature takes") from None

    def compare(self, image_a: Path, image_b: Path) -> Comparison:
        """Compares two image files.

        Raises:
          UserError: one of them cannot be read.
        """
        a, b = (self._constant([read_image(path)]) for path in (image_a, image_b))
        try:
            answer = self._model.signatures["compare"](image_a=a, image_b=b)
        except self._undecodable:
            raise UserError(f"{image_a} or {image_b}: {DAMAGED}") from None
        distance, score, same = (answer[key].numpy()[0] for key in ("distance", "score", "same"))
        return Comparison(float(distance), float(score), bool(same), self.manifest.threshold)

    def embed(self, encoded: Iterable[bytes], on_batch: Callable[[int], None] = lambda _: None) -> NDArray[np.float32]:
        """Normalised encoded images -> embeddings [n, d]; ``on_batch`` hears how many are done.

        The row of an image that TensorFlow cannot decode, though Pillow could, is NaN.
        """
        parts = [np.zeros((0, self.manifest.embedding), np.float32)]
        for batch in _batches(encoded):
            parts.append(self._embed_batch(batch))
            on_batch(len(batch))
        return np.concatenate(parts)

    def _embed_batch(self, batch: Sequence[bytes]) -> NDArray[np.float32]:
        try:
            embedded: NDArray[np.float32] = self._model.signatures["embed"](image=self._constant(batch))[
                "embedding"
            ].numpy()
        except self._undecodable:
            if len(batch) == 1:
                return np.full((1, self.manifest.embedding), np.nan, np.float32)
            return np.concatenate([self._embed_batch([one]) for one in batch])
        return embedded

    def judge(self, a: NDArray[np.float32], b: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Embeddings [n, d], [n, d] -> (distances [n], scores [n])."""
        return judge(self.manifest, a, b)


def judge(manifest: ModelManifest, a: NDArray[np.float32], b: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Embeddings [n, d], [n, d] of the model of ``manifest`` -> (distances [n], scores [n])."""
    from models.network.distances import DISTANCES

    distance = np.asarray(DISTANCES[manifest.distance].paired(a, b), np.float64)
    return distance, Calibration(manifest.threshold, manifest.slope).score(distance)


def tensorflow_alone() -> Any:
    """TensorFlow, quietly and without Keras: a SavedModel needs none, and its import doubles the time of a command."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as in a run: elsewhere the last digits differ
    absent = {"keras": None} if not {"keras", "tensorflow"} & sys.modules.keys() else {}
    sys.modules.update(absent)  # type: ignore[arg-type]  # to TensorFlow it is then not installed
    try:
        with _muted():
            import tensorflow as tf
    finally:
        for name in absent:
            del sys.modules[name]
    return tf


@contextmanager
def _muted() -> Iterator[None]:
    """Nothing reaches standard error: as it loads, TensorFlow's C++ writes lines there that no setting holds back."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def read_image(path: Path) -> bytes:
    """A file's image as the model's signatures take it.

    Raises:
      UserError: it is missing or no image that can be read.
    """
    try:
        return normalise(path.read_bytes()).data
    except UnreadableImage as error:
        raise UserError(f"{path}: {error}") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None


def _batches(items: Iterable[bytes]) -> Iterator[Sequence[bytes]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
