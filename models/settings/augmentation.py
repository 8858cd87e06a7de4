"""How training images are distorted."""

from pydantic import Field

from models.settings.base import Settings


class AugmentationSettings(Settings):
    """Random at every step, in training only. Zero switches a distortion off."""

    rotation: float = Field(0.0, ge=0, le=180, description="degrees, either way")
    scale: float = Field(0.0, ge=0, lt=1, description="0.1 zooms between 0.9 and 1.1")
    crop: float = Field(0.0, ge=0, lt=1, description="0.1 crops up to a tenth of each side")
    shear: float = Field(0.0, ge=0, le=45, description="degrees that upright lines lean, either way")
    translation: float = Field(0.0, ge=0, lt=1, description="0.1 shifts by up to a tenth of each side")
    elastic: float = Field(0.0, ge=0, le=0.25, description="0.05 bends by up to a twentieth of each side")
    mirror: bool = Field(False, description="half of the images left for right")
    brightness: float = Field(0.0, ge=0, description="standard deviations of the training pixels, either way")
    contrast: float = Field(0.0, ge=0, lt=1, description="0.2 multiplies by 0.8 to 1.2")
    erasing: float = Field(0.0, ge=0, lt=1, description="0.2 hides up to a fifth of every second image")
    quarter_turns_are_identities: bool = Field(
        False, description="a character turned by 90 degrees is another one (square images, form: batch)"
    )
    mirrors_are_identities: bool = Field(False, description="a mirrored character is another one (form: batch)")
