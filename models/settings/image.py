"""The size and the channels of canonical pixels."""

from typing import Literal

from pydantic import Field

from models.settings.base import Settings


class ImageSettings(Settings):
    """Canonical pixels: the size that every image is brought to at ingest and in serving."""

    height: int = Field(32, ge=8, le=1024, description="pixels")
    width: int = Field(32, ge=8, le=1024, description="pixels")
    channels: Literal[1, 3] = Field(1, description="1 is grey, 3 is colour")
    fit: Literal["stretch", "pad"] = Field("stretch", description="pad keeps the aspect ratio")
    pad_value: int = Field(0, ge=0, le=255, description="grey level of the padding; trimmed images have their own")
    binarise: int | None = Field(
        None, ge=1, le=255, description="grey level from which on a pixel is white; all others are black"
    )
    trim: int | None = Field(
        None,
        ge=1,
        le=254,
        description="cuts off the empty border: what differs from its colour by no more than so many levels; "
        "an image of exactly this height and width is not trimmed",
    )
