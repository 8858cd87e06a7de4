"""What ends every encoder: the embedding."""

import keras

from models.network.distances import Tensor, unit
from models.settings import EncoderSettings

_SHORTEST = 1e-3


def embedding(x: Tensor, encoder: EncoderSettings, activation: str | None = None) -> Tensor:
    """Features [n, f] -> float32 [n, embedding]: dropout, one dense layer and, where asked for, the unit sphere.

    In single precision whatever the rest computes in: distances are differences of nearly equal numbers.
    """
    if encoder.dropout:
        x = keras.layers.Dropout(encoder.dropout, name="dropout")(x)
    x = keras.layers.Dense(encoder.embedding, activation, dtype="float32", name="embedding")(x)
    return UnitNorm(dtype="float32", name="unit_norm")(x) if encoder.unit_norm else x


@keras.saving.register_keras_serializable("siamese")
class UnitNorm(keras.layers.Layer):
    """Rows of length 1; those shorter than 0.001, which have next to no direction, stay as short in proportion.

    Gradients are 1000 times the outputs' at most. At a zero vector those of ``keras.layers.UnitNormalization`` are 1e12
    times as long: finite, but once in AdamW's second moment they hold the weights still for thousands of steps.

    Shapes: [n, d] -> [n, d].
    """

    def call(self, embeddings: Tensor) -> Tensor:
        return unit(embeddings, _SHORTEST)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape
