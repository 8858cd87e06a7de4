"""Settings of reading and splitting the images."""

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from components.storage.skips import SYSTEM_NAMES
from models.data.image_structure.budget import MAX_BYTES, MAX_FRAMES, MAX_PIXELS
from models.settings import Affects, Settings

Layout = Literal["identity", "group/identity"]


class SplitSettings(Settings):
    """What stays together in one split, and the share of each split."""

    by: Literal["identity", "image", "group"] = Field(
        "identity",
        description="identity: test identities are never seen in training; image: exact copies stay together",
    )
    train: float = Field(0.7, gt=0, lt=1, description="share of the train split, in identities, images or groups")
    val: float = Field(0.15, gt=0, lt=1, description="share of the validation split")
    test: float = Field(0.15, gt=0, lt=1, description="share of the test split; the three sum to 1")

    @model_validator(mode="after")
    def _fractions_sum_to_one(self) -> "SplitSettings":
        total = self.train + self.val + self.test
        if not math.isclose(total, 1, abs_tol=1e-6):
            raise ValueError(f"train, val and test must sum to 1, not {total:g}")
        return self


class IngestSettings(Settings):
    """The layout of the images, and limits on them."""

    layout: Layout = Field(
        "identity", description="<identity>/<image> or <group>/<identity>/<image>; of folders and archives"
    )
    skip: tuple[str, ...] = Field(
        SYSTEM_NAMES,
        description="names of files and folders that are passed over, in any case, instead of those of NAS, macOS, "
        "Windows and editors; hidden ones and the product's own output always are",
    )
    spans: int = Field(1, ge=1, le=10_000, description="newest increments that are read, where source has {SPAN}")
    drift_sample: Annotated[int, Affects.CONFIGURATION] = Field(
        2000, ge=0, description="images of the previous span that the new ones are compared with"
    )
    max_pixels: Annotated[int, Affects.CONFIGURATION] = Field(
        MAX_PIXELS, ge=64, description="an image with more is set aside undecoded"
    )
    max_bytes: Annotated[int, Affects.CONFIGURATION] = Field(
        MAX_BYTES, ge=1024, le=2**30, description="a longer file is set aside"
    )
    max_frames: Annotated[int, Affects.CONFIGURATION] = Field(
        MAX_FRAMES, ge=1, description="an animation with more is set aside undecoded"
    )
    max_quarantined: Annotated[float, Affects.CONFIGURATION] = Field(
        0.1, ge=0, le=1, description="a larger share of unusable images stops the run"
    )
    conflicts: Literal["drop", "stop"] = Field(
        "drop", description="the same image under two identities: set all its copies aside, or stop the run"
    )
    near_duplicates: Literal["off", "report", "together"] = Field(
        "report", description="report: list images that look the same; together: keep them in one split too"
    )
    near_distance: int = Field(2, ge=0, le=8, description="bits of 64 in which hashes of near-duplicates may differ")
    split: SplitSettings = SplitSettings()
