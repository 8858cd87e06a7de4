"""Which network turns an image into an embedding."""

from typing import Annotated, Literal

from pydantic import Field

from models.settings.base import Settings


class EncoderSettings(Settings):
    """The tower: an image in, an embedding out."""

    name: Literal["cnn"] = "cnn"
    filters: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (32, 64, 64), min_length=1, description="one convolution block a number"
    )
    embedding: int = Field(64, ge=2, le=4096)
    dropout: float = Field(0.1, ge=0, lt=1)
    unit_norm: bool = Field(True, description="embeddings on the unit sphere: distances are bounded")
