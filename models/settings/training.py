"""How the weights are fitted, and what a step sees."""

from typing import Literal

from pydantic import Field

from models.settings.base import Settings


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
