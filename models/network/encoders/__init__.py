"""Encoders: a module each, registered by being in this folder. One tower of the network, an image in, an embedding out.

Every layer has a name: those that Keras makes up count the layers of the process, and a model's digest holds them.
"""

from typing import TYPE_CHECKING

from models.network.lazy_keras import Model
from models.settings.image import ImageSettings
from models.settings.interfaces import Encoder
from models.settings.registry import Registry

if TYPE_CHECKING:
    from models.settings.encoder import EncoderSettings

ENCODERS = Registry(__name__, Encoder)


def build_encoder(image: ImageSettings, encoder: "EncoderSettings") -> Model:
    """The encoder that ``encoder.name`` names: float32 [n, height, width, channels] -> float32 [n, embedding]."""
    return encoder.chosen.build(image)
