"""How training images are distorted."""

from pydantic import Field

from models.settings.base import Settings


class AugmentationSettings(Settings):
    """Random at every step, in training only. Zero switches a distortion off."""

    rotation: float = Field(0.0, ge=0, le=180, description="degrees, either way")
    scale: float = Field(0.0, ge=0, lt=1, description="0.1 zooms between 0.9 and 1.1")
    crop: float = Field(0.0, ge=0, lt=1, description="0.1 crops up to a tenth of each side")
    quarter_turns_are_identities: bool = Field(
        False, description="a character turned by 90 degrees is another one (square images, form: batch)"
    )
