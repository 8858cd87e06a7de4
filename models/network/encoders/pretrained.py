"""The weights that a backbone begins with: ImageNet's, a file's, or a URL's."""

import hashlib
from pathlib import Path

import keras
import numpy as np

from models.errors import UserError, first_line
from models.network.encoders.backbone import BACKBONE, PIXELS, BackbonePixels, application
from models.settings import EncoderSettings, ImageSettings

IMAGENET = "imagenet"
_DEVIATIONS = (0.229, 0.224, 0.225)  # of ImageNet's red, green and blue


def load_pretrained(model: keras.Model, image: ImageSettings, encoder: EncoderSettings) -> None:
    """Gives the backbone of ``model`` the weights that ``encoder.weights`` names; nothing where it names none.

    A file holds the weights of the same network without its classifier (``include_top=False``), as
    ``model.save_weights("x.weights.h5")`` writes them. Nothing is fetched unless ``imagenet`` or a URL is asked for.

    Raises:
      UserError: they cannot be had, or are those of another network.
    """
    source = encoder.pretrained
    if source is None:
        return
    try:
        given = application(encoder.backbone or "", image, IMAGENET if source == IMAGENET else None)
        if "://" in source:
            _load_from(source, given)
        elif source != IMAGENET:
            given.load_weights(source)
        model.get_layer(BACKBONE).set_weights(given.get_weights())
    except Exception as error:  # noqa: BLE001 - what urllib, h5py and Keras raise is of any kind
        raise UserError(
            f"encoder.weights: {source}: not to be had as weights of {encoder.backbone}: {first_line(error)}; give a "
            f"file of keras.applications.{encoder.backbone}(include_top=False), or none"
        ) from None
    pixels = model.get_layer(PIXELS)
    if pixels.standardises:
        _standardise(pixels, _statistics_of(model.get_layer(BACKBONE)))


def _load_from(url: str, network: keras.Model) -> None:
    """Keras keeps files by name, and two addresses may end in the same one."""
    address = hashlib.sha256(url.encode()).hexdigest()[:16]
    path = keras.utils.get_file(f"{address}-{url.rsplit('/', 1)[-1]}", url)
    try:
        network.load_weights(path)
    except Exception:
        Path(path).unlink(missing_ok=True)  # it may have broken off; kept, it would be taken for the whole next time
        raise


def _statistics_of(network: keras.Model) -> keras.layers.Normalization:
    return next(layer for layer in network.layers if isinstance(layer, keras.layers.Normalization))


def _standardise(pixels: BackbonePixels, statistics: keras.layers.Normalization) -> None:
    """Moves what a network standardises by to its pixels, with the division that belongs to ImageNet's.

    The "variances" among ImageNet's weights are deviations: Keras divides by their root, and then once more by the root
    of the deviations. A network that was trained from scratch has the statistics 0 and 1, and no second division.
    """
    mean, variance, count = statistics.get_weights()
    deviation = np.sqrt(variance)
    if (variance != 1).any():
        deviation = deviation * np.sqrt(np.array(_DEVIATIONS, np.float32))
    pixels.set_weights([mean, 1 / deviation])
    statistics.set_weights([np.zeros_like(mean), np.ones_like(variance), count])
