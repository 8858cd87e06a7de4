"""The pretrained weights of a backbone: ImageNet's, a file's, or a URL's."""

import contextlib
import hashlib
import json
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from models.addresses import is_address
from models.errors import ExitCode, UserError, first_line
from models.network.encoders import build_encoder
from models.network.encoders.backbone import BACKBONE, PIXELS, Backbone, application
from models.network.lazy_keras import Model, keras
from models.settings import EncoderSettings, ImageSettings

_DEVIATIONS = (0.229, 0.224, 0.225)  # of ImageNet's red, green and blue
_SECONDS, _BYTES = 3600.0, 4 << 30  # of a download


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
    """Checks in a process of its own whether weights can be loaded; downloaded ones are then in Keras's cache.

    Reads the settings as JSON from standard input. Writes an error to standard output, and the libraries' output to
    standard error. Exits with 0 if nothing is wrong, with 2 if something is.
    """
    settings = json.load(sys.stdin)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            image, encoder = ImageSettings(**settings["image"]), EncoderSettings(**settings["encoder"])
            load_pretrained(build_encoder(image, encoder), image, encoder)
    except UserError as error:
        print(error)
        sys.exit(ExitCode.USER_ERROR)


def _load_from(url: str, network: Model) -> None:
    """Loads weights from a URL, which are kept among Keras's own: by their address, two may end in the same name."""
    address, name = hashlib.sha256(url.encode()).hexdigest()[:16], urlsplit(url).path.rpartition("/")[2]
    folder = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras", "models")
    path = folder / f"{address}-{name[-100:]}"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _download(url, path)
    try:
        network.load_weights(path)
    except Exception:
        path.unlink(missing_ok=True)  # kept, it would be used as it is the next time
        raise


def _download(url: str, path: Path) -> None:
    """An answer of any other status than 2xx is no file; nor is one that breaks off."""
    from models.http_client import RequestFailed, request

    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".download-") as file:
        answer = request("GET", url, seconds=_SECONDS, most_bytes=_BYTES, redirects=True, into=file.write)
        if not answer.is_success:
            raise RequestFailed(f"HTTP status {answer.status}")
        file.flush()
        with contextlib.suppress(FileExistsError):  # another process was as fast
            os.link(file.name, path)


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
