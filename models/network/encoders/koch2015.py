"""The network of Koch, Zemel and Salakhutdinov 2015, "Siamese Neural Networks for One-shot Image Recognition"."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from models.network.lazy_keras import Model, keras
from models.settings.image import ImageSettings
from models.settings.interfaces import Encoder

_BLOCKS = ((64, 10), (128, 7), (128, 4), (256, 4))  # filters and size of the kernel
_SMALLEST = 97  # side at which the paper's unpadded convolutions leave anything


class Koch2015(Encoder):
    """Four convolutions (10, 7, 4, 4 wide) with max-pooling between them, and sigmoid features.

    Made for 105x105. Images under 97 pixels are padded ("same"), for unpadded convolutions would use them up, and are
    pooled while there are two pixels left to pool. The paper compares features by a learned weighted L1 distance:
    ``loss: {distance: weighted_manhattan, name: binary_cross_entropy}``.
    """

    name: ClassVar[str] = "koch2015"

    embedding: int = 4096
    dropout: float = 0.0
    unit_norm: bool = False

    def build(self, image: ImageSettings) -> Model:
        from models.network.layers import embedding

        inputs = keras.Input((image.height, image.width, image.channels), name="image")
        padding = "valid" if min(image.height, image.width) >= _SMALLEST else "same"
        x = inputs
        for block, (filters, kernel) in enumerate(_BLOCKS, start=1):
            x = keras.layers.Conv2D(filters, kernel, padding=padding, activation="relu", name=f"conv_{block}")(x)
            if block < len(_BLOCKS) and min(x.shape[1], x.shape[2]) >= 2:
                x = keras.layers.MaxPooling2D(2, name=f"pool_{block}")(x)
        x = keras.layers.Flatten(name="flatten")(x)
        return keras.Model(inputs, embedding(x, self, "sigmoid"), name="encoder")

    @property
    def first_length(self) -> float:
        """Of sigmoids that are spread evenly between 0 and 1."""
        return math.sqrt(self.embedding / 12)

    @classmethod
    def lacks_norms(cls, options: Mapping[str, Any]) -> bool:
        del options
        return True
