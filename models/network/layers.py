"""Our own Keras layers: norms, what ends every encoder, a backbone's pixels, the logit of a pair, distortions."""

import importlib
from typing import Any

import keras
import numpy as np
from keras import ops

from models.network.lazy_keras import Tensor
from models.network.pairwise import unit
from models.settings.interfaces import Augmentation, Encoder, PixelRange, Step

MOMENTUM = 0.9  # of batch norms
_SHORTEST = 1e-3  # embedding that UnitNorm brings to length 1
_THRESHOLD, _SLOPE = 0.7, 5.0  # where PairLogit begins: unit embeddings of two random images are 1.4 apart


def embedding(x: Tensor, encoder: Encoder, activation: str | None = None) -> Tensor:
    """Features [n, f] -> float32 [n, embedding]: dropout, one dense layer and, with ``unit_norm``, the unit sphere.

    In single precision whatever the rest computes in: distances are differences of nearly equal numbers.
    """
    if encoder.dropout:
        x = keras.layers.Dropout(encoder.dropout, name="dropout")(x)
    x = keras.layers.Dense(encoder.embedding, activation, dtype="float32", name="embedding")(x)
    return UnitNorm(dtype="float32", name="unit_norm")(x) if encoder.unit_norm else x


class _SameShape(keras.layers.Layer):
    """A layer whose outputs have the shape of its inputs."""

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape


@keras.saving.register_keras_serializable("siamese")
class UnitNorm(_SameShape):
    """Rows of length 1; those shorter than 0.001, which have next to no direction, stay as short in proportion.

    Gradients are 1000 times the outputs' at most. At a zero vector those of ``keras.layers.UnitNormalization`` are 1e12
    times as long: finite, but once in AdamW's second moment they hold the weights still for thousands of steps.

    Shapes: [n, d] -> [n, d].
    """

    def call(self, embeddings: Tensor) -> Tensor:
        return unit(embeddings, _SHORTEST)


@keras.saving.register_keras_serializable("siamese")
class LearnedWeights(_SameShape):
    """Multiplies each dimension by a weight of its own, never negative.

    sum_i w_i |a_i - b_i| is the Manhattan distance of w a and w b, so that embeddings, served models and mined
    impostors do not depend on the weights. Koch et al. 2015 let weights be negative, which is no distance.

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


def batch_norm(name: str) -> "BatchNorm":
    """A batch norm that can be used in inference after any number of steps."""
    return BatchNorm(momentum=MOMENTUM, name=name)


@keras.saving.register_keras_serializable("siamese")
class BatchNorm(keras.layers.BatchNormalization):
    """Keras's, whose moving statistics do not depend on the values that they began with.

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
    """The same network with other random weights, and with these batch norms instead of Keras's."""

    def same_or_ours(layer: Any) -> Any:
        config = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            return BatchNorm.from_config({**config, "momentum": MOMENTUM})
        return layer.__class__.from_config(config)

    return keras.models.clone_model(network, clone_function=same_or_ours)


@keras.saving.register_keras_serializable("siamese")
class BackbonePixels(keras.layers.Layer):
    """Pixels as a network of ``keras.applications`` wants them: three channels, scaled by its ``preprocess_input``.

    EfficientNetB0 to B7 standardise them by statistics among their weights. That is done here instead, by ``mean`` and
    ``scale``, which are 0 and 1 until ``load_pretrained`` sets them: Keras's layer for it ignores weights that are
    set, and Keras divides once more where, and only where, it loads ImageNet's itself.

    Shapes: [n, height, width, 1 or 3] in [0, 1] -> [n, height, width, 3].
    """

    def __init__(self, backbone: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.backbone = backbone
        self._scaled = importlib.import_module(getattr(keras.applications, backbone).__module__).preprocess_input
        self.standardises = backbone.startswith("EfficientNetB")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        del input_shape
        if self.standardises:
            self.mean = self.add_weight((3,), "zeros", trainable=False, name="mean")
            self.scale = self.add_weight((3,), "ones", trainable=False, name="scale")

    def call(self, images: Tensor) -> Tensor:
        if images.shape[-1] == 1:
            images = ops.repeat(images, 3, axis=-1)
        if self.standardises:
            images = (images - self.mean) * self.scale
        return self._scaled(images * 255.0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], 3)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "backbone": self.backbone}


@keras.saving.register_keras_serializable("siamese")
class PairLogit(_SameShape):
    """logit(same) = slope * (threshold - distance), both learned, the slope always positive (Koch et al. 2015).

    Koch's sigmoid is over a learned weighted L1 distance: ``loss.distance: weighted_manhattan``. Any distance goes.
    It serves the training alone; the score of a served model is calibrated on the validation split.

    Shapes: distances [...] -> logits [...].

    It begins with a threshold that is larger by ``scale``, and a slope that is smaller by it: how far apart random
    embeddings are, as a multiple of unit ones.
    """

    def __init__(self, scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        del input_shape
        self.threshold = self.add_weight((), keras.initializers.Constant(_THRESHOLD * self.scale), name="threshold")
        slope = keras.initializers.Constant(float(np.log(_SLOPE / self.scale)))
        self.log_slope = self.add_weight((), slope, name="log_slope")

    def call(self, distance: Tensor) -> Tensor:
        return ops.exp(self.log_slope) * (self.threshold - distance)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale}


class RandomDistortion(_SameShape):
    """An augmentation as a layer: does nothing when not training, and draws from a generator of its own.

    Shapes: [n, height, width, channels] -> the same.
    """

    def __init__(
        self,
        augmentation: Augmentation,
        seed: int,
        pixels: PixelRange | None = None,
        compiled: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.augmentation, self.seed = augmentation, seed
        self.generator = keras.random.SeedGenerator(seed)
        self.step = Step(self._uniform, pixels or PixelRange(), compiled)

    def call(self, images: Tensor, training: bool = False) -> Tensor:
        if not training:
            return images
        return ops.cast(self.augmentation.distort(ops.cast(images, "float32"), self.step), images.dtype)

    def _uniform(self, shape: tuple[Any, ...], low: float, high: float) -> Tensor:
        return keras.random.uniform(shape, low, high, dtype="float32", seed=self.generator)
