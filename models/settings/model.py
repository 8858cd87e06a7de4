"""The sections that the Trainer reads, and what they need of each other."""

from typing import Annotated

from pydantic import Field, model_validator

from models.settings.augmentation import AugmentationSettings
from models.settings.base import Affects, Settings
from models.settings.calibration import CalibrationSettings
from models.settings.encoder import ENCODERS, EncoderSettings
from models.settings.image import ImageSettings
from models.settings.loss import LossSettings
from models.settings.training import TrainingSettings


class ModelSettings(Settings):
    """Everything that the Trainer reads."""

    image: ImageSettings = ImageSettings()
    encoder: EncoderSettings = EncoderSettings()
    loss: LossSettings = LossSettings()
    training: TrainingSettings = TrainingSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    calibration: Annotated[CalibrationSettings, Affects.RECIPE] = CalibrationSettings()
    seed: int = Field(0, ge=0, lt=2**31)

    @model_validator(mode="after")
    def _what_suits_the_encoder(self) -> "ModelSettings":
        """Margins and a rate that are not set are filled in, so that the dump holds the values in force."""
        object.__setattr__(self, "loss", self.loss.fitted_to(self.encoder))
        object.__setattr__(self, "training", self.training.fitted_to(self.encoder))
        return self

    @model_validator(mode="after")
    def _turns_need_squares(self) -> "ModelSettings":
        turns = self.augmentation.quarter_turns_are_identities
        if turns and (self.image.height != self.image.width or self.loss.form != "batch"):
            raise ValueError("augmentation.quarter_turns_are_identities needs square images and loss.form: batch")
        if self.augmentation.mirrors_are_identities and (self.loss.form != "batch" or self.augmentation.mirrors):
            raise ValueError("augmentation.mirrors_are_identities needs loss.form: batch, and augmentation.mirror off")
        return self

    @model_validator(mode="after")
    def _images_that_the_encoder_takes(self) -> "ModelSettings":
        smallest, options = self.encoder.chosen.smallest_side, self.encoder.model_dump()
        if min(self.image.height, self.image.width) < smallest:
            key = ENCODERS[self.encoder.name].implied_by or "name"
            raise ValueError(
                f"encoder.{key}: {options[key]} takes images of at least {smallest}x{smallest}, "
                f"image.height and image.width are {self.image.height} and {self.image.width}"
            )
        return self

    @model_validator(mode="after")
    def _cosines_need_directions(self) -> "ModelSettings":
        if self.loss.of_cosines and self.loss.distance == "euclidean" and not self.encoder.unit_norm:
            raise ValueError(f"loss.name: {self.loss.name} needs encoder.unit_norm, or loss.distance: cosine")
        return self
