"""Inverted residuals with squeeze-and-excitation: colour photographs of 96 to 224 pixels for little arithmetic."""

from typing import Annotated, ClassVar

from pydantic import Field

from models.network.lazy_keras import Model, Tensor, keras
from models.settings.image import ImageSettings
from models.settings.interfaces import Encoder

_EXPANSION = 4
_SQUEEZE = 4
_LARGE = 64  # from this side on the stem halves the image


class Compact(Encoder):
    """A 3x3 stem, then stages of ``blocks`` inverted residuals (Sandler et al. 2018; Howard et al. 2019).

    Each stage works at half the size of the one before.
    """

    name: ClassVar[str] = "compact"

    filters: tuple[Annotated[int, Field(ge=1, le=8192)], ...] = Field(
        (16, 32, 64, 96), min_length=1, max_length=64, description="one stage a number"
    )
    blocks: int = Field(2, ge=1, le=50, description="of each stage")

    def build(self, image: ImageSettings) -> Model:
        from models.network.layers import embedding

        inputs = keras.Input((image.height, image.width, image.channels), name="image")
        stages = self.filters
        stride = 2 if min(image.height, image.width) >= _LARGE else 1
        x = keras.layers.Conv2D(stages[0], 3, stride, padding="same", use_bias=False, name="stem")(inputs)
        x = _normalised(x, "stem")
        for stage, filters in enumerate(stages, start=1):
            for block in range(1, self.blocks + 1):
                x = _block(x, filters, 2 if block == 1 else 1, f"{stage}_{block}")
        x = _normalised(keras.layers.Conv2D(4 * stages[-1], 1, use_bias=False, name="last")(x), "last")
        x = keras.layers.GlobalAveragePooling2D(name="average")(x)
        return keras.Model(inputs, embedding(x, self), name="encoder")


def _block(x: Tensor, filters: int, stride: int, name: str) -> Tensor:
    """Widen, filter each channel by itself, weigh the channels, narrow; the input is added where shapes agree."""
    from models.network.layers import batch_norm

    wide = _EXPANSION * x.shape[-1]
    y = _normalised(keras.layers.Conv2D(wide, 1, use_bias=False, name=f"widen_{name}")(x), f"widen_{name}")
    y = keras.layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False, name=f"depthwise_{name}")(y)
    y = _weighed(_normalised(y, f"depthwise_{name}"), name)
    y = keras.layers.Conv2D(filters, 1, use_bias=False, name=f"narrow_{name}")(y)
    y = batch_norm(f"norm_narrow_{name}")(y)
    return keras.layers.Add(name=f"add_{name}")([x, y]) if x.shape == y.shape else y


def _weighed(x: Tensor, name: str) -> Tensor:
    """Squeeze-and-excitation (Hu et al. 2018): each channel times a weight made of the means of all."""
    channels = x.shape[-1]
    weights = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"mean_{name}")(x)
    weights = keras.layers.Conv2D(max(channels // _SQUEEZE, 1), 1, activation="relu", name=f"squeeze_{name}")(weights)
    weights = keras.layers.Conv2D(channels, 1, activation="hard_sigmoid", name=f"excite_{name}")(weights)
    return keras.layers.Multiply(name=f"weigh_{name}")([x, weights])


def _normalised(x: Tensor, name: str) -> Tensor:
    from models.network.layers import batch_norm

    x = batch_norm(f"norm_{name}")(x)
    return keras.layers.Activation("hard_swish", name=f"swish_{name}")(x)
