"""How training images are distorted."""

from typing import Any, Literal

from pydantic import Field, model_validator

from models.settings.base import Settings

# What each use stands; any value that is given goes before the preset's.
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
_UPRIGHT = ("faces", "signatures")


class AugmentationSettings(Settings):
    """Random at every step, in training only. Zero switches a distortion off."""

    preset: Literal["none", "characters", "faces", "signatures", "products"] = Field(
        "none", description="what is shown: values that suit it, for all that is not given"
    )
    rotation: float = Field(0.0, ge=0, le=180, description="degrees, either way")
    scale: float = Field(0.0, ge=0, lt=1, description="0.1 zooms between 0.9 and 1.1")
    crop: float = Field(0.0, ge=0, lt=1, description="0.1 crops up to a tenth of each side")
    shear: float = Field(0.0, ge=0, le=45, description="degrees that upright lines lean, either way")
    translation: float = Field(0.0, ge=0, lt=1, description="0.1 shifts by up to a tenth of each side")
    elastic: float = Field(0.0, ge=0, le=0.25, description="0.05 bends by up to a twentieth of each side")
    mirror: bool = Field(False, description="half of the images left for right")
    brightness: float = Field(
        0.0,
        ge=0,
        description="standard deviations of the training pixels, either way; with a backbone a quarter of white",
    )
    contrast: float = Field(0.0, ge=0, lt=1, description="0.2 multiplies by 0.8 to 1.2")
    erasing: float = Field(0.0, ge=0, lt=1, description="0.2 hides up to a fifth of every second image")
    quarter_turns_are_identities: bool = Field(
        False, description="a character turned by 90 degrees is another one (square images, form: batch)"
    )
    mirrors_are_identities: bool = Field(False, description="a mirrored character is another one (form: batch)")

    @model_validator(mode="before")
    @classmethod
    def _values_of_the_preset(cls, given: Any) -> Any:
        """The preset's values are filled in, so that the dump says what was in force."""
        if not isinstance(given, dict):
            return given
        return {**PRESETS.get(str(given.get("preset", "none")), {}), **given}

    @model_validator(mode="after")
    def _some_things_have_a_right_way_up(self) -> "AugmentationSettings":
        turned = ("rotation", "mirror", "quarter_turns_are_identities", "mirrors_are_identities")
        if self.preset in _UPRIGHT:
            for key in turned:
                if getattr(self, key):
                    raise ValueError(
                        f"{key} is not for {self.preset}: they are never turned or mirrored; preset: none allows it"
                    )
        return self
