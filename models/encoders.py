"""Encoders: one tower of the network, an image in, an embedding out. Both towers are the same object."""

import keras

from models.settings import EncoderSettings, ImageSettings


def small_cnn(image: ImageSettings, encoder: EncoderSettings) -> keras.Model:
    """3x3 convolution, batch norm, ReLU and 2x2 max-pooling a block; then dropout and one dense layer.

    float32 [n, height, width, channels], normalised -> float32 [n, embedding].
    """
    inputs = keras.Input((image.height, image.width, image.channels), name="image")
    x = inputs
    for filters in encoder.filters:
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.Activation("relu")(x)
        if min(x.shape[1], x.shape[2]) >= 2:
            x = keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.Flatten()(x)
    if encoder.dropout:
        x = keras.layers.Dropout(encoder.dropout)(x)
    x = keras.layers.Dense(encoder.embedding, dtype="float32")(x)
    if encoder.unit_norm:
        x = keras.layers.UnitNormalization(dtype="float32")(x)
    return keras.Model(inputs, x, name="encoder")


ENCODERS = {"cnn": small_cnn}


def build_encoder(image: ImageSettings, encoder: EncoderSettings) -> keras.Model:
    """The encoder that ``encoder.name`` names."""
    return ENCODERS[encoder.name](image, encoder)
