"""The weights of a learned weighted L1 distance, as the last layer of the encoder."""

import keras
from keras import ops

from models.network.distances import Tensor


@keras.saving.register_keras_serializable("siamese")
class LearnedWeights(keras.layers.Layer):
    """Multiplies each dimension by a weight of its own, never negative.

    sum_i w_i |a_i - b_i| is the Manhattan distance of w a and w b, so that embeddings, served models and mined
    impostors need to know nothing of the weights. Koch et al. 2015 let weights be negative, which is no distance.

    They begin at 1 / sqrt(d): unit embeddings of random directions are then about 1.1 apart, whatever d is.

    Shapes: [n, d] -> [n, d].
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        size = input_shape[-1] or 1
        self.kernel = self.add_weight(
            (size,), keras.initializers.Constant(size**-0.5), constraint=keras.constraints.NonNeg(), name="kernel"
        )

    def call(self, embeddings: Tensor) -> Tensor:
        return embeddings * ops.cast(self.kernel, embeddings.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape
