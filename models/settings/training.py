"""Optimizer, schedule, batches and limits of a training."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from models.settings.base import Affects, Settings
from models.settings.encoder import EncoderSettings, lacks_norms
from models.settings.interfaces import Optimizer, Schedule
from models.settings.registry import Registry, discovered, with_choices

OPTIMIZERS: Registry[Optimizer] = discovered("models.training.optimizers", "OPTIMIZERS")
SCHEDULES: Registry[Schedule] = discovered("models.training.schedules", "SCHEDULES")
CHOICES: dict[str, Registry[Any]] = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES}
_SHARE_WITHOUT_NORMS = 0.15  # of an optimizer's rate: networks that have no norms collapse at the full rate
_RATES = ", ".join(f"{name}: {one.rate:g}" for name, one in OPTIMIZERS.items())


def _as_written(value: Any) -> Any:
    """True and false are as clear as on and off."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


Switch = Annotated[Literal["auto", "on", "off"], BeforeValidator(_as_written)]


class BatchSettings(Settings):
    """The images of one training step."""

    pairs: int = Field(64, ge=2, le=65_536, description="pairs a step (form: pairs)")
    identities: int = Field(24, ge=2, le=16_384, description="identities a step (form: batch)")
    images: int = Field(4, ge=2, le=1024, description="images of each identity (form: batch)")
    groups: int = Field(4, ge=1, le=16_384, description="groups that the identities come from, where there are groups")
    forgeries: int = Field(
        2, ge=0, le=1024, description="given forgeries of each identity, where there are any (form: batch)"
    )
    mined: float | None = Field(
        None,
        ge=0,
        le=1,
        description="share of the identities that come as mined impostor pairs (form: batch); default: pairs.mined",
    )


@with_choices(optimizer=OPTIMIZERS, schedule=SCHEDULES)
class TrainingSettings(Settings):
    """Optimizer, length and stopping."""

    optimizer: str = Field("adamw", description="the algorithm that updates the weights")
    learning_rate: float = Field(
        OPTIMIZERS["adamw"].rate,
        gt=0,
        le=100,
        description=f"the highest; defaults: {_RATES}; {_SHARE_WITHOUT_NORMS:g} of that for encoders without norms",
    )
    schedule: str = Field("cosine", description="how the learning rate falls over the training")
    warmup: int = Field(0, ge=0, le=10**9, description="steps over which the rate rises from 0")
    epochs: int = Field(10, ge=0, le=100_000, description="at most; early stopping may end the training before")
    steps_per_epoch: int | None = Field(
        None, ge=1, le=10_000_000, description="default: every image (or pair) about once"
    )
    clip_norm: float | None = Field(
        None, gt=0, le=1e6, description="largest global norm of the gradients; longer ones are scaled down"
    )
    accumulate: int = Field(1, ge=1, le=10_000, description="steps whose gradients are averaged into one update")
    stop_on: Literal["auc", "eer", "accuracy"] = Field("auc", description="metric of the best epoch, on val")
    patience: int = Field(5, ge=1, le=100_000, description="epochs without improvement before early stopping")
    checkpoint_minutes: Annotated[float, Affects.CONFIGURATION] = Field(
        10.0, gt=0, le=100_000, description="minutes between two checkpoints within an epoch"
    )
    join_minutes: Annotated[float, Affects.CONFIGURATION] = Field(
        60.0, gt=0, le=100_000, description="minutes that the chief waits for the workers"
    )
    in_memory: Annotated[Switch, Affects.CONFIGURATION] = Field(
        "auto", description="the images of train and val; auto: where they take a quarter of what is free at most"
    )
    mixed_precision: Switch = Field("auto", description="compute in 16 bits; auto: on a GPU or CPU that is fast at it")
    xla: Switch = Field("auto", description="compiled steps; auto: on a GPU")
    tensorboard: Annotated[Literal["all", "scalars", "none"], Affects.CONFIGURATION] = Field(
        "all", description="what is written for it"
    )
    histogram_epochs: Annotated[int, Affects.CONFIGURATION] = Field(
        1, ge=1, le=100_000, description="tensorboard all: epochs from one set of histograms to the next"
    )
    deterministic: bool = Field(False, description="the same weights from the same seed on one machine; slower")
    batch: BatchSettings = BatchSettings()

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_choices(cls, values: Any) -> Any:
        """Options of the optimizer and the schedule are filled in, so that the dump holds the values in force."""
        if not isinstance(values, dict):
            return values
        optimizer, schedule = str(values.get("optimizer", "adamw")), str(values.get("schedule", "cosine"))
        options = OPTIMIZERS.defaults(optimizer) | SCHEDULES.defaults(schedule)
        return {**values, **{key: value for key, value in options.items() if values.get(key) is None}}

    @model_validator(mode="after")
    def _rate_of_the_optimizer(self) -> "TrainingSettings":
        if "learning_rate" not in self.model_fields_set:
            object.__setattr__(self, "learning_rate", default_rate(self.optimizer))  # still not one that the user set
        return self

    @model_validator(mode="after")
    def _options_that_are_read(self) -> "TrainingSettings":
        for choice, registry in CHOICES.items():
            name = getattr(self, choice)
            for key in registry.unread_by(name):
                if getattr(self, key) is not None:
                    readers = " or ".join(registry.readers(key))
                    raise ValueError(f"{key} is not an option of {choice}: {name}; it is for {choice}: {readers}")
            registry.chosen(name, self)
        return self

    @model_validator(mode="after")
    def _warmup_that_ends(self) -> "TrainingSettings":
        steps = self.epochs * (self.steps_per_epoch or 0)
        if steps and self.warmup > steps:
            raise ValueError(
                f"warmup {self.warmup} is longer than the training: epochs {self.epochs} x steps_per_epoch "
                f"{self.steps_per_epoch} are {steps} steps"
            )
        return self

    def fitted_to(self, encoder: EncoderSettings) -> "TrainingSettings":
        """The same with the learning rate that suits the network, where none is set."""
        if "learning_rate" in self.model_fields_set:
            return self
        rate = default_rate(self.optimizer, lacks_norms(encoder.model_dump()))
        return self.model_copy(update={"learning_rate": rate})


def default_rate(optimizer: str, no_norms: bool = False) -> float | None:
    """The learning rate where none is set, lower for a network without norms; None for an unknown optimizer."""
    if optimizer not in OPTIMIZERS:
        return None
    return float(f"{OPTIMIZERS[optimizer].rate * (_SHARE_WITHOUT_NORMS if no_norms else 1.0):.3g}")
