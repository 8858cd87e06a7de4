"""How the weights are fitted, and what a step sees."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from models.settings.base import Affects, Settings
from models.settings.encoder import EncoderSettings, without_norms

# What each optimiser and each schedule reads beside what all do, and what it is where nothing is given.
_OF_OPTIMIZER: dict[str, dict[str, Any]] = {
    "adam": {},
    "adamw": {"weight_decay": 1e-4},
    "muon": {"weight_decay": 1e-4, "momentum": 0.95},
    "sgd": {"weight_decay": 1e-4, "momentum": 0.9},
}
_OF_SCHEDULE: dict[str, dict[str, Any]] = {"cosine": {}, "step": {"drops": (0.6, 0.85)}, "constant": {}}
_RATE = {"adam": 2e-3, "adamw": 2e-3, "muon": 0.01, "sgd": 0.1}
_SHARE_WITHOUT_NORMS = 0.15  # of that rate: networks that have none collapse at the whole of it


def _as_written(given: Any) -> Any:
    """YAML reads on and off as true and false."""
    return {True: "on", False: "off"}[given] if isinstance(given, bool) else given


Switch = Annotated[Literal["auto", "on", "off"], BeforeValidator(_as_written)]


class BatchSettings(Settings):
    """What one training step sees."""

    pairs: int = Field(64, ge=2, description="pairs a step (form: pairs)")
    identities: int = Field(24, ge=2, description="identities a step (form: batch)")
    images: int = Field(4, ge=2, description="images of each identity (form: batch)")
    groups: int = Field(4, ge=1, description="groups that the identities come from, where there are groups")
    forgeries: int = Field(2, ge=0, description="given forgeries of each identity, where there are any (form: batch)")


class TrainingSettings(Settings):
    """Optimiser, length and stopping."""

    optimizer: Literal["adam", "adamw", "muon", "sgd"] = Field("adamw", description="what moves the weights")
    learning_rate: float = Field(
        _RATE["adamw"],
        gt=0,
        description="the highest; default of sgd: 0.1, of muon: 0.01, of encoders without norms: 0.15 of them",
    )
    schedule: Literal["cosine", "step", "constant"] = Field(
        "cosine", description="how the learning rate falls over the training"
    )
    drops: tuple[Annotated[float, Field(gt=0, lt=1)], ...] | None = Field(
        None, description="shares of all steps after which the rate falls to a tenth (schedule: step)"
    )
    warmup: int = Field(0, ge=0, description="steps over which the rate rises from nothing")
    weight_decay: float | None = Field(None, ge=0, description="not of biases and norms (adamw, muon and sgd)")
    momentum: float | None = Field(None, ge=0, lt=1, description="of past gradients (muon and sgd)")
    epochs: int = Field(10, ge=0, description="at most; it stops earlier where nothing gets better")
    steps_per_epoch: int | None = Field(None, ge=1, description="default: every image (or pair) about once")
    clip_norm: float | None = Field(None, gt=0, description="gradients longer than this, all together, are shortened")
    accumulate: int = Field(1, ge=1, description="steps whose gradients are averaged into one update")
    stop_on: Literal["auc", "eer", "accuracy"] = Field("auc", description="what the best epoch is best at, on val")
    patience: int = Field(5, ge=1, description="epochs without a better one before it stops")
    checkpoint_minutes: Annotated[float, Affects.CONFIGURATION] = Field(
        10.0, gt=0, description="how much of a long epoch a killed training may lose"
    )
    join_minutes: Annotated[float, Affects.CONFIGURATION] = Field(
        60.0, gt=0, description="how long the first of several hosts waits for the others"
    )
    in_memory: Annotated[Switch, Affects.CONFIGURATION] = Field(
        "auto", description="the images of train and val; auto: where they take a quarter of what is free at most"
    )
    mixed_precision: Switch = Field("auto", description="auto: on a GPU or CPU that is fast at it")
    xla: Switch = Field("auto", description="compiled steps; auto: on a GPU")
    tensorboard: Annotated[Literal["all", "scalars", "none"], Affects.CONFIGURATION] = Field(
        "all", description="what is written for it"
    )
    histogram_epochs: Annotated[int, Affects.CONFIGURATION] = Field(
        1, ge=1, description="tensorboard all: epochs from one set of histograms to the next"
    )
    deterministic: bool = Field(False, description="the same weights from the same seed on one machine; slower")
    batch: BatchSettings = BatchSettings()

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_optimizer(cls, given: Any) -> Any:
        """What the optimiser and the schedule read is filled in, so that the dump says what was in force."""
        if not isinstance(given, dict):
            return given
        optimizer, schedule = str(given.get("optimizer", "adamw")), str(given.get("schedule", "cosine"))
        options = {**_OF_OPTIMIZER.get(optimizer, {}), **_OF_SCHEDULE.get(schedule, {})}
        missing = {key: value for key, value in options.items() if given.get(key) is None}
        return {**given, **missing}

    @model_validator(mode="after")
    def _rate_of_the_optimizer(self) -> "TrainingSettings":
        if "learning_rate" not in self.model_fields_set:
            object.__setattr__(self, "learning_rate", default_rate(self.optimizer))  # still not one that was given
        return self

    @model_validator(mode="after")
    def _options_that_are_read(self) -> "TrainingSettings":
        for choice, tables in (("optimizer", _OF_OPTIMIZER), ("schedule", _OF_SCHEDULE)):
            name = getattr(self, choice)
            for key in unread(choice, name):
                if getattr(self, key) is not None:
                    readers = " or ".join(reader for reader, options in tables.items() if key in options)
                    raise ValueError(f"{key} is not an option of {choice}: {name}; it is for {choice}: {readers}")
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
        """The same with the learning rate that suits the network, where none is given."""
        if "learning_rate" in self.model_fields_set:
            return self
        return self.model_copy(
            update={"learning_rate": default_rate(self.optimizer, without_norms(encoder.model_dump()))}
        )


def default_rate(optimizer: str, no_norms: bool = False) -> float | None:
    """The learning rate where none is given, lower for a network without norms; none of an unknown optimiser."""
    rate = _RATE.get(optimizer)
    return rate and float(f"{rate * (_SHARE_WITHOUT_NORMS if no_norms else 1.0):.3g}")


def unread(choice: str, name: str) -> list[str]:
    """Options of other optimisers (``choice`` "optimizer") or schedules ("schedule") than the one named."""
    tables = {"optimizer": _OF_OPTIMIZER, "schedule": _OF_SCHEDULE}[choice]
    return sorted({key for options in tables.values() for key in options} - tables.get(name, {}).keys())


def default_momentum(optimizer: str) -> float | None:
    """The momentum where none is given; none of an optimiser that has none."""
    return _OF_OPTIMIZER.get(optimizer, {}).get("momentum")
