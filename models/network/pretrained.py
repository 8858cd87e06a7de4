"""The pretrained weights of a backbone: ImageNet's, a file's, or a URL's."""

import contextlib
import json
import socket
import sys
from collections.abc import Iterator

import numpy as np

from models.addresses import is_address
from models.errors import ExitCode, UserError, first_line
from models.network.encoders import build_encoder
from models.network.encoders.backbone import BACKBONE, PIXELS, Backbone, application
from models.network.lazy_keras import Model, keras
from models.network.weight_files import fetch, forget, forget_if_changed
from models.settings import EncoderSettings, ImageSettings

_DEVIATIONS = (0.229, 0.224, 0.225)  # of ImageNet's red, green and blue


def load_pretrained(model: Model, image: ImageSettings, encoder: EncoderSettings) -> None:
    """Sets the weights that ``encoder.weights`` names in the backbone of ``model``; does nothing for ``none``.

    A file holds the weights of the same network without its classifier (``include_top=False``), as
    ``model.save_weights("x.weights.h5")`` writes them. Nothing is downloaded unless ``imagenet`` or a URL is set.

    Raises:
      UserError: they cannot be read or downloaded, or are those of another network.
    """
    chosen = encoder.chosen
    source = chosen.pretrained
    if source is None or not isinstance(chosen, Backbone):
        return
    try:
        with _no_endless_wait():
            network = application(chosen.backbone, image, source if source == "imagenet" else None)
        if is_address(source):
            _load_from(source, network)
        elif source != "imagenet":
            network.load_weights(source)
        model.get_layer(BACKBONE).set_weights(network.get_weights())
    except Exception as error:  # noqa: BLE001 - what h5py and Keras raise is of any kind
        raise UserError(
            f"encoder.weights: {source}: cannot be loaded as weights of {chosen.backbone}: {first_line(error)}; set a "
            f"file of keras.applications.{chosen.backbone}(include_top=False), or none",
            code="train-weights",
        ) from None
    pixels = model.get_layer(PIXELS)
    if pixels.standardises:
        layers = model.get_layer(BACKBONE).layers
        _standardise(pixels, next(layer for layer in layers if isinstance(layer, keras.layers.Normalization)))


def main() -> None:
    """Checks in a process of its own whether weights can be loaded; downloaded ones are then kept, as they are now.

    Reads the settings as JSON from standard input. Writes an error to standard output, and the libraries' output to
    standard error. Exits with 0 if nothing is wrong, with 2 if something is.
    """
    settings = json.load(sys.stdin)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            image, encoder = ImageSettings(**settings["image"]), EncoderSettings(**settings["encoder"])
            if encoder.pretrained and is_address(encoder.pretrained):
                forget_if_changed(encoder.pretrained)
            load_pretrained(build_encoder(image, encoder), image, encoder)
    except UserError as error:
        print(error)
        sys.exit(ExitCode.USER_ERROR)


def _load_from(url: str, network: Model) -> None:
    path = fetch(url)
    try:
        network.load_weights(path)
    except Exception:
        forget(path)  # kept, it would be used as it is the next time
        raise


@contextlib.contextmanager
def _no_endless_wait() -> Iterator[None]:
    """Bounds each wait for a server, where Keras downloads by itself."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(60)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _standardise(pixels: Model, statistics: Model) -> None:
    """Moves the statistics of a network to its ``BackbonePixels``, with the division that belongs to ImageNet's.

    The "variances" among ImageNet's weights are deviations: Keras divides by their root, and then once more by the root
    of the deviations. A network that was trained from scratch has the statistics 0 and 1, and no second division.
    """
    mean, variance, count = statistics.get_weights()
    deviation = np.sqrt(variance)
    if (variance != 1).any():
        deviation = deviation * np.sqrt(np.array(_DEVIATIONS, np.float32))
    pixels.set_weights([mean, 1 / deviation])
    statistics.set_weights([np.zeros_like(mean), np.ones_like(variance), count])
