"""Settings of the validation of the images."""

from pydantic import Field

from models.settings import Settings


class ValidationSettings(Settings):
    """The largest distances between sets of images before the run stops.

    Distances are of distributions, 0 (the same) to 1 (nothing in common): Jensen-Shannon divergence of brightness,
    contrast and file sizes, the largest difference of a share for formats and groups.
    """

    drift: float | None = Field(0.25, gt=0, le=1, description="new images against the span before; null: not compared")
    skew: float | None = Field(0.5, gt=0, le=1, description="val and test against train; null: not compared")
    min_images: int = Field(100, ge=2, description="smaller sets are not compared")
