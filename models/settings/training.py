"""How the weights are fitted, and what a step sees."""

from typing import Annotated, Literal

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
    schedule: Literal["cosine", "step", "constant"] = "cosine"
    drops: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        (0.6, 0.85), description="schedule step: shares of all steps after which the rate falls to a tenth"
    )
    warmup: int = Field(0, ge=0, description="steps over which the rate rises from nothing")
    weight_decay: float = Field(1e-4, ge=0, description="adamw and sgd; not of biases and norms")
    momentum: float = Field(0.9, ge=0, lt=1, description="sgd only")
    epochs: int = Field(10, ge=0)
    steps_per_epoch: int | None = Field(None, ge=1, description="default: every image (or pair) about once")
    clip_norm: float | None = Field(None, gt=0, description="gradients longer than this, all together, are shortened")
    accumulate: int = Field(1, ge=1, description="steps whose gradients are averaged into one update")
    stop_on: Literal["auc", "eer", "accuracy"] = Field("auc", description="what the best epoch is best at, on val")
    patience: int = Field(5, ge=1, description="epochs without a better one before it stops")
    checkpoint_minutes: float = Field(10.0, gt=0, description="how much of a long epoch a killed training may lose")
    in_memory: Literal["auto", "on", "off"] = Field(
        "auto", description="the images of train and val; auto: where they take a quarter of what is free at most"
    )
    mixed_precision: Literal["auto", "on", "off"] = Field("auto", description="auto: on a GPU that is fast at it")
    xla: Literal["auto", "on", "off"] = Field("auto", description="compiled steps; auto: on a GPU")
    tensorboard: Literal["all", "scalars", "none"] = Field("all", description="what is written for it")
    histogram_epochs: int = Field(1, ge=1, description="tensorboard all: epochs from one set of histograms to the next")
    deterministic: bool = Field(False, description="the same weights from the same seed on one machine; slower")
    batch: BatchSettings = BatchSettings()
