"""How many images of a list a model has learned from: metrics on those say nothing about new ones."""

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from models.data import canonical_pixels
from models.export import seen_images
from models.settings import ImageSettings


class Seen(NamedTuple):
    """How many of ``images`` were in the training or validation of a model; None where the model does not record it."""

    images: int
    in_training: int | None

    def notes(self) -> tuple[str, ...]:
        """What a reader of metrics must know, a sentence each."""
        if self.in_training is None:
            return ("the model does not record its training images; whether these are among them is not known",)
        if not self.in_training:
            return ()
        return (f"{self.in_training:,} of {self.images:,} images were in the training of this model",)


class TrainingImages:
    """Looks for images, one at a time, in the record of the SavedModel at ``model_dir``; see ``seen_images``."""

    def __init__(self, model_dir: Path, image: ImageSettings) -> None:
        self._known = seen_images.read(model_dir)
        self._decode = tf.function(partial(canonical_pixels.decode, image=image), autograph=False)
        self._digests: list[bytes] = []
        self._images = 0

    def look(self, encoded: bytes) -> None:
        """Looks for an image, given as input of the model's signatures."""
        self._images += 1
        if self._known is None:
            return
        try:
            pixels = self._decode(tf.constant(encoded)).numpy()
        except tf.errors.InvalidArgumentError:  # it cannot be decoded, nor was it learned from
            return
        self._digests.append(canonical_pixels.digest(pixels).encode())

    def seen(self) -> Seen:
        """What was found."""
        if self._known is None:
            return Seen(self._images, None)
        keys = seen_images.keys_of(np.array(self._digests, np.object_))
        return Seen(self._images, int(np.isin(keys, self._known).sum()))
