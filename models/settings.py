"""What a user may set about the image, the encoder, the loss, the training and the augmentation.

Plain pydantic models without TensorFlow, so that a configuration is checked in milliseconds.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Settings(BaseModel):
    """Base of every section: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


class ImageSettings(Settings):
    """Canonical pixels: the size that every image is brought to at ingest and in serving."""

    height: int = Field(32, ge=8, le=1024)
    width: int = Field(32, ge=8, le=1024)
    channels: Literal[1, 3] = 1
    fit: Literal["stretch", "pad"] = Field("stretch", description="pad keeps the aspect ratio")
    pad_value: int = Field(0, ge=0, le=255, description="grey level of the padding")
    binarise: int | None = Field(
        None,
        ge=1,
        le=255,
        description="grey level from which on a pixel is white; all others are black",
    )


class EncoderSettings(Settings):
    """The tower: an image in, an embedding out."""

    name: Literal["cnn"] = "cnn"
    filters: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (32, 64, 64), min_length=1, description="one convolution block a number"
    )
    embedding: int = Field(64, ge=2, le=4096)
    dropout: float = Field(0.1, ge=0, lt=1)
    unit_norm: bool = Field(True, description="embeddings on the unit sphere: distances are bounded")


class LossSettings(Settings):
    """How far apart is far enough."""

    distance: Literal["euclidean", "cosine", "manhattan"] = "euclidean"
    name: Literal["contrastive"] = "contrastive"
    form: Literal["batch", "pairs"] = Field("batch", description="all pairs of a batch, or the generated pairs")
    margin: float = Field(1.1, gt=0, description="impostors are pushed beyond this distance")
    positive_margin: float = Field(0.3, ge=0, description="genuine pairs closer than this cost nothing (batch form)")

    @model_validator(mode="after")
    def _margins_in_order(self) -> "LossSettings":
        if self.form == "batch" and self.positive_margin >= self.margin:
            raise ValueError(f"positive_margin {self.positive_margin} must be below margin {self.margin}")
        return self


class BatchSettings(Settings):
    """What one training step sees."""

    pairs: int = Field(64, ge=2, description="pairs a step (form: pairs)")
    identities: int = Field(24, ge=2, description="identities a step (form: batch)")
    images: int = Field(4, ge=2, description="images of each identity (form: batch)")
    groups: int = Field(4, ge=1, description="groups that the identities come from, where there are groups")
    forgeries: int = Field(2, ge=0, description="given forgeries of each identity, where there are any (form: batch)")


class TrainingSettings(Settings):
    """Optimiser, length and stopping."""

    optimizer: Literal["adam", "adamw", "sgd"] = "adamw"
    learning_rate: float = Field(2e-3, gt=0)
    schedule: Literal["cosine", "constant"] = "cosine"
    weight_decay: float = Field(1e-4, ge=0, description="adamw only")
    momentum: float = Field(0.9, ge=0, lt=1, description="sgd only")
    epochs: int = Field(10, ge=0)
    steps_per_epoch: int | None = Field(None, ge=1, description="default: every image (or pair) about once")
    patience: int = Field(5, ge=1, description="epochs without a better validation AUC before it stops")
    mixed_precision: Literal["auto", "on", "off"] = Field("auto", description="auto: on a GPU that is fast at it")
    deterministic: bool = Field(False, description="the same weights from the same seed on one machine; slower")
    batch: BatchSettings = BatchSettings()


class AugmentationSettings(Settings):
    """Random at every step, in training only. Zero switches a distortion off."""

    rotation: float = Field(0.0, ge=0, le=180, description="degrees, either way")
    scale: float = Field(0.0, ge=0, lt=1, description="0.1 zooms between 0.9 and 1.1")
    crop: float = Field(0.0, ge=0, lt=1, description="0.1 crops up to a tenth of each side")
    quarter_turns_are_identities: bool = Field(
        False, description="a character turned by 90 degrees is another one (square images, form: batch)"
    )


class ModelSettings(Settings):
    """Everything that the Trainer reads; handed to it whole."""

    image: ImageSettings = ImageSettings()
    encoder: EncoderSettings = EncoderSettings()
    loss: LossSettings = LossSettings()
    training: TrainingSettings = TrainingSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    seed: int = Field(0, ge=0, lt=2**31)

    @model_validator(mode="after")
    def _turns_need_squares(self) -> "ModelSettings":
        turns = self.augmentation.quarter_turns_are_identities
        if turns and (self.image.height != self.image.width or self.loss.form != "batch"):
            raise ValueError("augmentation.quarter_turns_are_identities needs square images and loss.form: batch")
        return self
