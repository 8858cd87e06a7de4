"""Batch normalisation as every encoder has it that begins with random weights."""

from typing import Any

import keras
from keras import ops

from models.network.distances import Tensor

MOMENTUM = 0.9


def batch_norm(name: str) -> "BatchNorm":
    """A batch norm that can be used in inference after any number of steps."""
    return BatchNorm(momentum=MOMENTUM, name=name)


@keras.saving.register_keras_serializable("siamese")
class BatchNorm(keras.layers.BatchNormalization):
    """Keras's, whose moving statistics owe nothing to the values that they began with.

    They are the mean over all steps so far, until the momentum's own memory is the shorter one: its bias is corrected,
    as Adam's is (Kingma and Ba 2015). Keras's still hold 86% of a variance of 1 after 15 steps at its momentum of 0.99;
    features that vary less are then shrunk by norm after norm, and a few epochs long all images are one point in
    inference, however well the network trains.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        super().build(input_shape)
        self.steps = self.add_weight((), "zeros", trainable=False, autocast=False, name="steps")

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Tensor:
        if not (training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        statistics = (self.moving_mean, self.moving_variance)
        begun = ops.cast(self.steps > 0, "float32")
        for one in statistics:
            one.assign(one * begun)
        before = [ops.copy(one) for one in statistics]
        outputs = super().call(inputs, training=True, mask=mask)
        self.steps.assign(self.steps + 1)
        usual = 1 - self.momentum  # the share of a batch in what Keras has just assigned
        stretched = ops.maximum(usual, 1 / self.steps) / usual
        for one, old in zip(statistics, before, strict=True):
            one.assign(old + (one - old) * stretched)
        return outputs


def with_batch_norms(network: keras.Model) -> keras.Model:
    """The same network, its weights drawn anew, with these batch norms in the place of Keras's."""

    def same_or_ours(layer: Any) -> Any:
        config = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            return BatchNorm.from_config({**config, "momentum": MOMENTUM})
        return layer.__class__.from_config(config)

    return keras.models.clone_model(network, clone_function=same_or_ours)
