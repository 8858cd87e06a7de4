"""Which network turns an image into an embedding, and the options of each."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from models.settings.base import Settings
from models.settings.interfaces import DROPOUT, EMBEDDING, UNIT_NORM, Encoder, PixelRange
from models.settings.registry import Registry, discovered, with_choices

ENCODERS: Registry[Encoder] = discovered("models.network.encoders", "ENCODERS")


@with_choices(name=ENCODERS)
class EncoderSettings(Settings):
    """The tower: an image in, an embedding out."""

    name: str = Field("cnn", description="the network")
    embedding: int = EMBEDDING
    dropout: float = DROPOUT
    unit_norm: bool = UNIT_NORM

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_network(cls, values: Any) -> Any:
        """Options that the network reads are filled in, so that the dump holds the values in force."""
        if not isinstance(values, dict):
            return values
        name = network_of(values)  # a name that is none is refused later
        filled = {key: value for key, value in ENCODERS.defaults(name).items() if values.get(key) is None}
        common = {key: _common_default(name, key) for key in Encoder.model_fields if key not in values}
        return {"name": name, **values, **filled, **common}

    @model_validator(mode="after")
    def _options_that_are_read(self) -> "EncoderSettings":
        read = ENCODERS[self.name].own_options()
        for key in ENCODERS.unread_by(self.name):
            if getattr(self, key) is not None:
                takes = f"it takes {', '.join(read)}" if read else "it takes none of its own"
                readers = " or ".join(ENCODERS.readers(key))
                raise ValueError(f"{key} is not an option of the encoder {self.name}; {takes}; {key} is for {readers}")
        _ = self.chosen
        return self

    @property
    def chosen(self) -> Encoder:
        """The network with its options."""
        return ENCODERS.chosen(self.name, self)

    @property
    def normalised(self) -> bool:
        """Whether the network takes pixels normalised over the train split; a backbone has a scale of its own."""
        return self.chosen.pixel_range == PixelRange()

    @property
    def pretrained(self) -> str | None:
        """Where its first weights come from: "imagenet", a path or a URL; None where they are random."""
        return self.chosen.pretrained


def network_of(values: Mapping[str, Any]) -> str:
    """The network that values of the section choose: by its name, or by an option that implies it."""
    implied = (name for name, one in ENCODERS.items() if one.implied_by and values.get(one.implied_by))
    return str(values["name"] if "name" in values else next(implied, "cnn"))


def lacks_norms(values: Mapping[str, Any]) -> bool:
    """Whether values of the section choose a network that has no norms, and begins with random weights."""
    name = network_of(values)
    return name in ENCODERS and ENCODERS[name].lacks_norms(values)


def unit_norm_of(values: Mapping[str, Any]) -> bool:
    """Whether embeddings are of length 1, by values of the section."""
    return bool(values.get("unit_norm", _common_default(network_of(values), "unit_norm")))


def _common_default(name: str, key: str) -> Any:
    return ENCODERS.get(name, Encoder).model_fields[key].default
