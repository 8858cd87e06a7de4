"""A small residual network with pre-activation (He et al. 2016, "Identity mappings in deep residual networks")."""

from typing import Annotated, ClassVar

from pydantic import Field

from models.network.lazy_keras import Model, Tensor, keras
from models.settings.image import ImageSettings
from models.settings.interfaces import Encoder

_LARGE = 96  # from this side on the stem halves the image


class Residual(Encoder):
    """A 3x3 stem, then stages of ``blocks`` residual blocks, each stage at half the size of the one before."""

    name: ClassVar[str] = "residual"

    filters: tuple[Annotated[int, Field(ge=1, le=8192)], ...] = Field(
        (32, 64, 128), min_length=1, max_length=64, description="one stage a number"
    )
    blocks: int = Field(1, ge=1, le=50, description="of each stage")

    def build(self, image: ImageSettings) -> Model:
        from models.network.layers import embedding

        inputs = keras.Input((image.height, image.width, image.channels), name="image")
        stages = self.filters
        stride = 2 if min(image.height, image.width) >= _LARGE else 1
        x = keras.layers.Conv2D(stages[0], 3, stride, padding="same", use_bias=False, name="stem")(inputs)
        for stage, filters in enumerate(stages, start=1):
            for block in range(1, self.blocks + 1):
                x = _block(x, filters, 2 if block == 1 else 1, f"{stage}_{block}")
        x = _activated(x, "last")
        x = keras.layers.GlobalAveragePooling2D(name="average")(x)
        return keras.Model(inputs, embedding(x, self), name="encoder")


def _block(x: Tensor, filters: int, stride: int, name: str) -> Tensor:
    """Two 3x3 convolutions beside a shortcut, which is the input itself, or its projection where shapes differ."""
    before = _activated(x, f"{name}a")
    if stride > 1 or x.shape[-1] != filters:
        x = _every_second(before, f"thinned_{name}") if stride > 1 else before
        x = keras.layers.Conv2D(filters, 1, use_bias=False, name=f"shortcut_{name}")(x)
    y = keras.layers.Conv2D(filters, 3, stride, padding="same", use_bias=False, name=f"conv_{name}a")(before)
    y = _activated(y, f"{name}b")
    y = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"conv_{name}b")(y)
    return keras.layers.Add(name=f"add_{name}")([x, y])


def _every_second(x: Tensor, name: str) -> Tensor:
    """Every second row and column, as a 1x1 convolution of stride 2 sees them.

    Such a convolution itself is not used: with fewer than 16 channels the backward pass of TensorFlow 2.16's oneDNN
    writes past its memory on a CPU with AVX-512, and the process dies later, wherever it may be.
    """
    return keras.layers.MaxPooling2D(1, 2, name=name)(x)


def _activated(x: Tensor, name: str) -> Tensor:
    from models.network.layers import batch_norm

    x = batch_norm(f"norm_{name}")(x)
    return keras.layers.Activation("relu", name=f"relu_{name}")(x)
