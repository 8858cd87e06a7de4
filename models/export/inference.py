"""Inference with a pushed model in this process, without a server: ``compare``, ``evaluate``, ``embed``."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.addresses import by_plain_name
from models.checksums import model_damage
from models.data.image_formats import DAMAGED, UnreadableImage, normalise
from models.data.image_structure.budget import MAX_BYTES
from models.errors import UserError, first_line
from models.export.manifest import ModelManifest
from models.library_environment import import_tensorflow
from models.user_files import open_regular, shown
from models.verification.arrays import Floats
from models.verification.calibration import Calibration

_BATCH = 64


class Comparison(NamedTuple):
    """The result for two images: ``same`` is score > 0.5; a higher score and a smaller distance are more alike."""

    distance: float
    score: float
    same: bool
    threshold: float


class Undecodable(Exception):
    """An input that the model cannot decode: neither an image nor an Example."""


class LoadedModel:
    """A SavedModel of this pipeline, loaded into this process.

    Raises:
      UserError: ``model_dir`` holds no model of this pipeline, or a damaged one.
    """

    def __init__(self, model_dir: Path) -> None:
        self.manifest = ModelManifest.read(model_dir)
        if damage := model_damage(model_dir):
            raise UserError(f"the model is damaged: {damage}", "model-damaged")
        tf = import_tensorflow()  # takes seconds; the manifest is read first
        self._constant, self._undecodable = tf.constant, tf.errors.InvalidArgumentError
        try:
            with by_plain_name(model_dir) as folder:
                self._model = tf.saved_model.load(folder)
            self.signatures: Mapping[str, Any] = self._model.signatures  # TensorFlow's concrete function of each
        except (OSError, ValueError, LookupError, RuntimeError, tf.errors.OpError) as error:  # any, if damaged
            raise UserError(f"{model_dir}: TensorFlow cannot load it: {first_line(error)}", "model-damaged") from None

    def answer(self, signature: str, inputs: Mapping[str, Sequence[bytes]]) -> dict[str, NDArray[Any]]:
        """Calls a signature: strings [n] by input name -> arrays [n, ...] by output name.

        Raises:
          Undecodable: the model cannot decode one of the inputs; TensorFlow does not report which.
        """
        tensors = {name: self._constant(values) for name, values in inputs.items()}
        try:
            return {name: value.numpy() for name, value in self.signatures[signature](**tensors).items()}
        except self._undecodable as error:
            raise Undecodable(first_line(error)) from None
        except UnicodeDecodeError:  # TensorFlow's message quotes the input
            raise Undecodable("not an input of this signature") from None

    def compare(self, image_a: Path, image_b: Path) -> Comparison:
        """Compares two image files.

        Raises:
          UserError: one of them cannot be read.
        """
        a, b = (self._constant([read_image(path)]) for path in (image_a, image_b))
        try:
            answer = self.signatures["compare"](image_a=a, image_b=b)
        except self._undecodable:
            raise UserError(f"{image_a} or {image_b}: {DAMAGED}", "data-unreadable-image") from None
        distance, score, same = (answer[key].numpy()[0] for key in ("distance", "score", "same"))
        return Comparison(float(distance), float(score), bool(same), self.manifest.threshold)

    def embed(self, encoded: Iterable[bytes], on_batch: Callable[[int], None] = lambda _: None) -> NDArray[np.float32]:
        """Normalised encoded images -> embeddings [n, d]; ``on_batch`` is called with the size of each batch.

        The row of an image that TensorFlow cannot decode is NaN.
        """
        parts = [np.zeros((0, self.manifest.embedding), np.float32)]
        for batch in _batches(encoded):
            parts.append(self._embed_batch(batch))
            on_batch(len(batch))
        return np.concatenate(parts)

    def _embed_batch(self, batch: Sequence[bytes]) -> NDArray[np.float32]:
        try:
            answer = self.signatures["embed"](image=self._constant(batch))
        except self._undecodable:
            if len(batch) == 1:
                return np.full((1, self.manifest.embedding), np.nan, np.float32)
            return np.concatenate([self._embed_batch([one]) for one in batch])
        embedded: NDArray[np.float32] = answer["embedding"].numpy()
        return embedded

    def score_embeddings(self, a: NDArray[np.float32], b: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Embeddings [n, d], [n, d] -> (distances [n], scores [n])."""
        return score_embeddings(self.manifest, a, b)


def score_embeddings(manifest: ModelManifest, a: NDArray[np.float32], b: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Embeddings [n, d], [n, d] of the model of ``manifest`` -> (distances [n], scores [n])."""
    from models.network.distances import DISTANCES

    distance = np.asarray(DISTANCES[manifest.distance].paired(a, b), np.float64)
    return distance, Calibration(manifest.threshold, manifest.slope).score(distance)


def read_image(path: Path) -> bytes:
    """An image file as input of the model's signatures.

    Raises:
      UserError: the file is missing, or not a readable image.
    """
    try:
        with open_regular(path) as file:
            return normalise(file.read(MAX_BYTES + 1)).data  # which refuses a longer one
    except UnreadableImage as error:
        raise UserError(f"{shown(path)}: {error}", "data-unreadable-image") from None
    except OSError as error:
        raise UserError(f"{shown(path)}: {error.strerror}", "data-unreadable-image") from None
    except MemoryError:
        raise UserError(f"{shown(path)}: not enough memory for it", "data-unreadable-image") from None


def _batches(items: Iterable[bytes]) -> Iterator[Sequence[bytes]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
