"""Encoders: one tower of the network, an image in, an embedding out. Both towers are the same object.

Every layer has a name: those that Keras makes up count the layers of the process, and a model's digest holds them.
"""

import keras

from models.network.encoders.backbone import backbone
from models.network.encoders.compact import compact
from models.network.encoders.koch2015 import koch2015
from models.network.encoders.residual import residual
from models.network.encoders.small_cnn import small_cnn
from models.settings import EncoderSettings, ImageSettings

ENCODERS = {
    "cnn": small_cnn,
    "koch2015": koch2015,
    "residual": residual,
    "compact": compact,
    "backbone": backbone,
}


def build_encoder(image: ImageSettings, encoder: EncoderSettings) -> keras.Model:
    """The encoder that ``encoder.name`` names."""
    return ENCODERS[encoder.name](image, encoder)
