"""Which network turns an image into an embedding."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from models.settings.base import IsPath, Settings

# What each network reads beside the common options, and what it is where nothing is given.
_OPTIONS: dict[str, dict[str, Any]] = {
    "cnn": {"filters": (32, 64, 64)},
    "koch2015": {},
    "residual": {"filters": (32, 64, 128), "blocks": 1},
    "compact": {"filters": (16, 32, 64, 96), "blocks": 2},
    "backbone": {"backbone": "MobileNetV3Small", "weights": "none", "frozen_epochs": 0, "fine_tune_rate": 0.1},
}
_COMMON: dict[str, dict[str, Any]] = {"koch2015": {"embedding": 4096, "unit_norm": False, "dropout": 0.0}}

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
_WITHOUT_NORMS = ("koch2015", "VGG16", "VGG19")


class EncoderSettings(Settings):
    """The tower: an image in, an embedding out."""

    name: Literal["cnn", "koch2015", "residual", "compact", "backbone"] = Field("cnn", description="the network")
    filters: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(
        None, min_length=1, description="one convolution block (cnn) or stage (residual, compact) a number"
    )
    blocks: int | None = Field(None, ge=1, le=50, description="of each stage (residual, compact)")
    backbone: str | None = Field(None, description="a network of keras.applications (backbone)")
    weights: Annotated[str | None, IsPath(unless=("none", "imagenet"))] = Field(
        None, description="none, imagenet, a file or a URL (backbone)"
    )
    frozen_epochs: int | None = Field(None, ge=0, description="epochs in which the backbone stays as it was")
    fine_tune_rate: float | None = Field(None, gt=0, le=1, description="after them: the share of the learning rate")
    embedding: int = Field(64, ge=2, le=4096, description="numbers that stand for an image")
    dropout: float = Field(
        0.1, ge=0, lt=1, description="share of the features before the embedding that a step leaves out"
    )
    unit_norm: bool = Field(True, description="embeddings on the unit sphere: distances are bounded")

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_network(cls, given: Any) -> Any:
        """Options that the network reads are filled in, so that the dump says what was in force."""
        if not isinstance(given, dict):
            return given
        name = network_of(given)  # what is no name of a network is refused later
        filled = {key: value for key, value in _OPTIONS.get(name, {}).items() if given.get(key) is None}
        common = {key: value for key, value in _COMMON.get(name, {}).items() if key not in given}
        return {"name": name, **given, **filled, **common}

    @field_validator("backbone")
    @classmethod
    def _backbone_that_there_is(cls, backbone: str | None) -> str | None:
        if backbone is not None and backbone not in BACKBONES:
            raise ValueError(f"{backbone!r} is none of keras.applications: {', '.join(sorted(BACKBONES))}")
        return backbone

    @model_validator(mode="after")
    def _options_that_are_read(self) -> "EncoderSettings":
        read = _OPTIONS[self.name]
        for key in unread_by(self.name):
            if getattr(self, key) is not None:
                takes = f"it takes {', '.join(read)}" if read else "it takes none of its own"
                readers = " or ".join(name for name, options in _OPTIONS.items() if key in options)
                raise ValueError(f"{key} is not an option of the encoder {self.name}; {takes}; {key} is for {readers}")
        return self

    @model_validator(mode="after")
    def _weights_worth_keeping(self) -> "EncoderSettings":
        if self.frozen_epochs and self.pretrained is None:
            raise ValueError(
                f"frozen_epochs: {self.frozen_epochs} would hold on to random weights; give the backbone weights "
                "(imagenet, a file or a URL), or set frozen_epochs to 0"
            )
        return self

    @property
    def pretrained(self) -> str | None:
        """Where the backbone's weights come from: "imagenet", a path or a URL; none where they are drawn at random."""
        return None if self.weights in (None, "none") else self.weights


def network_of(given: Mapping[str, Any]) -> str:
    """The network, by what is given of the section; to name a network of ``keras.applications`` is to ask for it."""
    return str(given.get("name", "backbone" if given.get("backbone") else "cnn"))


def without_norms(given: Mapping[str, Any]) -> bool:
    """Whether a section asks for a network that has no norms, and begins with random weights."""
    network = network_of(given)
    if network != "backbone":
        return network in _WITHOUT_NORMS
    return given.get("backbone") in _WITHOUT_NORMS and given.get("weights") in (None, "none")


def unread_by(name: str) -> list[str]:
    """Options of other networks than the one named."""
    return sorted({key for options in _OPTIONS.values() for key in options} - _OPTIONS.get(name, {}).keys())


def unit_norm_of(given: Mapping[str, Any]) -> bool:
    """Whether embeddings are of length 1, by what is given of the section."""
    default = _COMMON.get(network_of(given), {}).get("unit_norm", True)
    return bool(given.get("unit_norm", default))
