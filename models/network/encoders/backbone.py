"""A network of ``keras.applications`` as encoder, with the preprocessing that its weights were made with."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, model_validator

from models.network.lazy_keras import Model, keras
from models.settings.base import IsPath
from models.settings.image import ImageSettings
from models.settings.interfaces import Encoder, PixelRange

BACKBONE = "backbone"  # the name of the layer
PIXELS = "backbone_pixels"  # of the layer that prepares its images

# The networks of keras.applications, and the smallest side that each takes.
BACKBONES = {
    "MobileNet": 32,
    "MobileNetV2": 32,
    "MobileNetV3Small": 32,
    "MobileNetV3Large": 32,
    **{f"EfficientNetB{size}": 32 for size in range(8)},
    **{f"EfficientNetV2{size}": 32 for size in ("B0", "B1", "B2", "B3", "S", "M", "L")},
    **{f"ConvNeXt{size}": 32 for size in ("Tiny", "Small", "Base", "Large", "XLarge")},
    **{f"ResNet{depth}{version}": 32 for depth in (50, 101, 152) for version in ("", "V2")},
    **{f"DenseNet{depth}": 32 for depth in (121, 169, 201)},
    "VGG16": 32,
    "VGG19": 32,
    "NASNetMobile": 32,
    "NASNetLarge": 32,
    "Xception": 71,
    "InceptionV3": 75,
    "InceptionResNetV2": 75,
}
_WITHOUT_NORMS = ("VGG16", "VGG19")


def _known(backbone: str) -> str:
    if backbone not in BACKBONES:
        raise ValueError(f"{backbone!r} is none of keras.applications: {', '.join(sorted(BACKBONES))}")
    return backbone


class Backbone(Encoder):
    """The convolutions of a network of ``keras.applications``, average-pooled, and an embedding.

    Where weights are to come, its batch norms never train: they keep the statistics that come with them, as small
    batches of one's own images would spoil them. Else they are those of all encoders, and train as those do.
    """

    name: ClassVar[str] = "backbone"
    implied_by: ClassVar[str | None] = "backbone"

    backbone: Annotated[str, AfterValidator(_known)] = Field(
        "MobileNetV3Small", description="a network of keras.applications"
    )
    weights: Annotated[str, IsPath(unless=("none", "imagenet"))] = Field(
        "none", description="none, imagenet, a file or a URL"
    )
    frozen_epochs: int = Field(0, ge=0, le=100_000, description="epochs in which the backbone's weights do not change")
    fine_tune_rate: float = Field(0.1, gt=0, le=1, description="after them: the share of the learning rate")

    @model_validator(mode="after")
    def _weights_worth_keeping(self) -> "Backbone":
        if self.frozen_epochs and self.pretrained is None:
            raise ValueError(
                f"frozen_epochs: {self.frozen_epochs} would hold on to random weights; give the backbone weights "
                "(imagenet, a file or a URL), or set frozen_epochs to 0"
            )
        return self

    def build(self, image: ImageSettings) -> Model:
        """The network with random weights; ``models.network.pretrained`` loads others."""
        from models.network.layers import BackbonePixels, embedding, with_batch_norms

        inputs = keras.Input((image.height, image.width, image.channels), name="image")
        x = BackbonePixels(self.backbone, name=PIXELS)(inputs)
        base = application(self.backbone, image)
        if self.pretrained is None:
            base = with_batch_norms(base)
        base.name = BACKBONE
        for number, layer in enumerate(base.layers):  # Keras makes some names up from what the process has built before
            layer.name = f"{BACKBONE}_{number}"
        self.set_trainable(base, True)
        return keras.Model(inputs, embedding(base(x), self), name="encoder")

    def set_trainable(self, base: Model, trains: bool) -> None:
        """Freezes or unfreezes the network; batch norms that came with statistics stay frozen, as in serving."""
        base.trainable = trains
        if self.pretrained is None:
            return
        for layer in base.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False

    @property
    def pixel_range(self) -> PixelRange:
        """In [0, 1]: it scales them as its weights need them.

        Photographs have about half of it as their mean, and a quarter as their deviation.
        """
        return PixelRange(0.5, 0.25, (0.0, 1.0))

    @property
    def smallest_side(self) -> int:
        return BACKBONES[self.backbone]

    @property
    def pretrained(self) -> str | None:
        return None if self.weights == "none" else self.weights

    @classmethod
    def lacks_norms(cls, options: Mapping[str, Any]) -> bool:
        return options.get("backbone") in _WITHOUT_NORMS and options.get("weights") in (None, "none")

    @classmethod
    def dropped(cls, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
        """Weights fit one network alone, and frozen epochs need weights."""
        weights = after.get("weights")
        found = {}
        if weights == "none" != before.get("weights"):
            found["frozen_epochs"] = "weights"
        if after.get("backbone") != before.get("backbone") and weights not in ("none", "imagenet"):
            found |= {"weights": "backbone", "frozen_epochs": "backbone"}
        return found


def application(name: str, image: ImageSettings, weights: str | None = None) -> Model:
    """A network of ``keras.applications`` without its classifier: [n, height, width, 3] -> [n, features]."""
    build = getattr(keras.applications, name)
    return build(include_top=False, weights=weights, input_shape=(image.height, image.width, 3), pooling="avg")
