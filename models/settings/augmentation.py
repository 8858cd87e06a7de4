"""Which augmentations are on, and how strong they are."""

from typing import Any, Literal

from pydantic import Field, model_validator

from models.settings.base import Settings
from models.settings.interfaces import Augmentation
from models.settings.registry import Registry, S, discovered, extended

AUGMENTATIONS: Registry[Augmentation] = discovered("models.network.augmentation", "AUGMENTATIONS")

# Values that suit each kind of images; a key that is set takes precedence.
PRESETS: dict[str, dict[str, Any]] = {
    "none": {},
    "characters": {
        "rotation": 10,
        "scale": 0.1,
        "crop": 0.1,
        "quarter_turns_are_identities": True,
        "mirrors_are_identities": True,
    },
    "faces": {"scale": 0.15, "crop": 0.2, "brightness": 0.3, "contrast": 0.2},
    "signatures": {"scale": 0.1, "crop": 0.1, "translation": 0.05},
    "products": {"rotation": 15, "scale": 0.15, "crop": 0.2, "brightness": 0.3, "contrast": 0.2, "erasing": 0.1},
}


def with_augmentations(section: type[S]) -> type[S]:
    """A class decorator: the section has the keys of all augmentations."""
    fields = (field for one in AUGMENTATIONS.values() for field in one.model_fields.items())
    return extended(section, {key: (field.annotation, field) for key, field in fields})


@with_augmentations
class AugmentationSettings(Settings):
    """Random at every step, in training only. Zero switches a distortion off."""

    preset: Literal["none", "characters", "faces", "signatures", "products"] = Field(
        "none", description="the kind of images: values that suit it, for all keys that are not set"
    )
    quarter_turns_are_identities: bool = Field(
        False, description="a character turned by 90 degrees is another one (square images, form: batch)"
    )
    mirrors_are_identities: bool = Field(False, description="a mirrored character is another one (form: batch)")

    @model_validator(mode="before")
    @classmethod
    def _values_of_the_preset(cls, values: Any) -> Any:
        """The preset's values are filled in, so that the dump holds the values in force."""
        if not isinstance(values, dict):
            return values
        return {**PRESETS.get(str(values.get("preset", "none")), {}), **values}

    @model_validator(mode="after")
    def _some_things_have_a_right_way_up(self) -> "AugmentationSettings":
        for key in ("rotation", "mirror", "quarter_turns_are_identities", "mirrors_are_identities"):
            if self.preset in ("faces", "signatures") and getattr(self, key):
                raise ValueError(
                    f"{key} is not for {self.preset}: they are never turned or mirrored; preset: none allows it"
                )
        return self

    @property
    def chosen(self) -> list[Augmentation]:
        """The augmentations that are on, in the order in which they are applied."""
        every = (AUGMENTATIONS.chosen(name, self) for name in AUGMENTATIONS)
        return sorted((one for one in every if one.is_on), key=lambda one: one.order)

    @property
    def mirrors(self) -> bool:
        """Whether images are mirrored at random."""
        return bool(self.model_dump()["mirror"])
