"""A network of ``keras.applications`` as encoder, with the preprocessing that its weights were made with."""

import importlib
from typing import Any

import keras
from keras import ops

from models.network.distances import Tensor
from models.network.encoders.head import embedding
from models.network.encoders.norm import with_batch_norms
from models.settings import EncoderSettings, ImageSettings

BACKBONE = "backbone"  # the name of the layer
PIXELS = "backbone_pixels"  # of what prepares its images


@keras.saving.register_keras_serializable("siamese")
class BackbonePixels(keras.layers.Layer):
    """Pixels as a network of ``keras.applications`` wants them: three channels, scaled by its ``preprocess_input``.

    EfficientNetB0 to B7 standardise them by statistics among their weights. That is done here instead, by ``mean`` and
    ``scale``, which are 0 and 1 until ``load_pretrained`` sets them: Keras's layer for it does not notice weights that
    are set, and Keras divides once more where, and only where, it loads ImageNet's itself.

    Shapes: [n, height, width, 1 or 3] in [0, 1] -> [n, height, width, 3].
    """

    def __init__(self, backbone: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.backbone = backbone
        self._scaled = _module(backbone).preprocess_input
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


def backbone(image: ImageSettings, encoder: EncoderSettings) -> keras.Model:
    """The convolutions of ``encoder.backbone``, average-pooled, and an embedding. Weights are drawn at random.

    Where weights are to come, its batch norms never train: they keep the statistics that come with them, as small
    batches of one's own images would spoil them. Else they are those of all encoders, and train as those do.

    float32 [n, height, width, channels] in [0, 1] -> float32 [n, embedding].
    """
    inputs = keras.Input((image.height, image.width, image.channels), name="image")
    x = BackbonePixels(encoder.backbone or "", name=PIXELS)(inputs)
    base = application(encoder.backbone or "", image)
    if encoder.pretrained is None:
        base = with_batch_norms(base)
    base.name = BACKBONE
    for number, layer in enumerate(base.layers):  # Keras makes some names up from what the process has built before
        layer.name = f"{BACKBONE}_{number}"
    set_trainable(base, True, encoder)
    return keras.Model(inputs, embedding(base(x), encoder), name="encoder")


def application(name: str, image: ImageSettings, weights: str | None = None) -> keras.Model:
    """A network of ``keras.applications`` without its classifier: [n, height, width, 3] -> [n, features]."""
    build = getattr(keras.applications, name)
    return build(include_top=False, weights=weights, input_shape=(image.height, image.width, 3), pooling="avg")


def set_trainable(base: keras.Model, trains: bool, encoder: EncoderSettings) -> None:
    """Freezes or thaws a backbone; batch norms that came with statistics stay frozen, and so work as in serving."""
    base.trainable = trains
    if encoder.pretrained is None:
        return
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


def _module(name: str) -> Any:
    return importlib.import_module(getattr(keras.applications, name).__module__)
