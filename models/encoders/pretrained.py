"""The weights that a backbone begins with: ImageNet's, a file's, or a URL's."""

import hashlib

import keras

from models.encoders.backbone import BACKBONE, application
from models.errors import UserError, first_line
from models.settings import EncoderSettings, ImageSettings

IMAGENET = "imagenet"


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
        if source != IMAGENET:
            given.load_weights(_fetched(source) if "://" in source else source)
        model.get_layer(BACKBONE).set_weights(given.get_weights())
    except Exception as error:  # noqa: BLE001 - what urllib, h5py and Keras raise is of any kind
        raise UserError(
            f"encoder.weights: {source}: not to be had as weights of {encoder.backbone}: {first_line(error)}; give a "
            f"file of keras.applications.{encoder.backbone}(include_top=False), or none"
        ) from None


def _fetched(url: str) -> str:
    """The path of what lies at ``url``; Keras keeps files by name, and two addresses may end in the same one."""
    address = hashlib.sha256(url.encode()).hexdigest()[:16]
    return str(keras.utils.get_file(f"{address}-{url.rsplit('/', 1)[-1]}", url))
