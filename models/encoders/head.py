"""What ends every encoder: the embedding."""

import keras

from models.distances import Tensor
from models.settings import EncoderSettings


def embedding(x: Tensor, encoder: EncoderSettings, activation: str | None = None) -> Tensor:
    """Features [n, f] -> float32 [n, embedding]: dropout, one dense layer and, where asked for, the unit sphere.

    In single precision whatever the rest computes in: distances are differences of nearly equal numbers.
    """
    if encoder.dropout:
        x = keras.layers.Dropout(encoder.dropout, name="dropout")(x)
    x = keras.layers.Dense(encoder.embedding, activation, dtype="float32", name="embedding")(x)
    return keras.layers.UnitNormalization(dtype="float32", name="unit_norm")(x) if encoder.unit_norm else x
