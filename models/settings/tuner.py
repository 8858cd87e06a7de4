"""Which values are tried before the training, and how long."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from models.settings.base import Settings

TUNED = ("margin", "learning_rate", "embedding", "dropout", "augmentation")


class Range(Settings):
    """Any number between two."""

    min: float = Field(gt=0)
    max: float
    log: bool = Field(False, description="as often between 0.001 and 0.01 as between 0.01 and 0.1")

    @model_validator(mode="after")
    def _in_order(self) -> "Range":
        if self.min >= self.max:
            raise ValueError(f"min {self.min:g} must be below max {self.max:g}")
        return self


Values = Annotated[tuple[float, ...], Field(min_length=1, description="these and no others")]
Counts = Annotated[tuple[int, ...], Field(min_length=1, description="these and no others")]


class TunerSettings(Settings):
    """A search over a few values of the recipe; the best ones are what the Trainer then takes.

    A list holds the values to try, ``{min, max, log}`` a range, and null leaves the recipe's own. ``margin`` and
    ``augmentation`` are left alone where the recipe has none.
    """

    trials: int = Field(0, ge=0, description="how many recipes are tried; 0: none, the Tuner is no part of the graph")
    minutes: float = Field(120.0, gt=0, description="all trials together; the one that runs then is cut short")
    epochs: int | None = Field(None, ge=1, description="of each trial; default: those of the training")
    search: Literal["random", "bayesian"] = "bayesian"
    margin: Range | Values | None = Range(min=0.6, max=1.5)
    learning_rate: Range | Values | None = Range(min=3e-4, max=1e-2, log=True)
    embedding: Counts | None = (32, 64, 128, 256)
    dropout: Range | Values | None = (0.0, 0.1, 0.2, 0.4)
    augmentation: Range | Values | None = Field(
        Range(min=0.5, max=1.5), description="what all distortions are multiplied by"
    )

    @property
    def space(self) -> "dict[str, Range | tuple[float, ...]]":
        """What is tuned, by name."""
        return {name: getattr(self, name) for name in TUNED if getattr(self, name) is not None}
