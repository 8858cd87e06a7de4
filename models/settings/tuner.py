"""The search space of the Tuner, and how long it searches."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from models.settings.base import Affects, Settings

TUNED = ("margin", "learning_rate", "embedding", "dropout", "augmentation")


class Range(Settings):
    """Any number between two."""

    min: float = Field(ge=0, description="the least that is tried")
    max: float = Field(le=10_000, description="the most that is tried")
    log: bool = Field(False, description="as often between 0.001 and 0.01 as between 0.01 and 0.1")

    @model_validator(mode="after")
    def _in_order(self) -> "Range":
        if self.min >= self.max:
            raise ValueError(f"min {self.min:g} must be below max {self.max:g}")
        if self.log and not self.min:
            raise ValueError("log: true needs a min above 0")
        return self


def _read(value: Any) -> Any:
    """Parses a line of the search space; one sentence where it cannot."""
    if value is None or value == "auto" or isinstance(value, Range):
        return value
    if isinstance(value, Mapping):
        try:
            return Range.model_validate(value)
        except ValidationError as error:
            first = error.errors()[0]
            problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": Value error, ")
            raise ValueError(f"{problem} (a range is {{min, max, log}})") from None
    if isinstance(value, list | tuple) and value and all(map(_is_number, value)):
        return tuple(sorted(set(value)))
    raise ValueError(f"must be numbers such as [1, 2], a range {{min, max, log}}, auto or null, not {value!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


Values = Annotated[Range | tuple[float, ...] | Literal["auto"] | None, BeforeValidator(_read)]


class TunerSettings(Settings):
    """A search over a few values of the recipe; the best ones are what the Trainer then takes.

    A list holds the values to try and no others, ``{min, max, log}`` is a range, null leaves the recipe's own, and
    auto tries what lies around the recipe's own, if it has one.
    """

    trials: Annotated[int, Affects.CONFIGURATION] = Field(
        0, ge=0, le=10_000, description="how many recipes are tried; 0: none, the Tuner is no part of the graph"
    )
    minutes: Annotated[float, Affects.CONFIGURATION] = Field(
        120.0, gt=0, le=100_000, description="all trials together; the one that runs then is cut short"
    )
    epochs: int | None = Field(None, ge=1, le=100_000, description="of each trial; default: those of the training")
    search: Literal["random", "bayesian"] = Field("bayesian", description="how the next recipe is chosen")
    margin: Values = Field("auto", description="loss.margin")
    learning_rate: Values = Field("auto", description="training.learning_rate")
    embedding: Values = Field("auto", description="encoder.embedding")
    dropout: Values = Field("auto", description="encoder.dropout")
    augmentation: Values = Field("auto", description="what all distortions are multiplied by")

    @property
    def space(self) -> dict[str, Range | tuple[float, ...]]:
        """The values to try, by name, of a search fitted to a recipe (``models.training.search_space``)."""
        found = {name: getattr(self, name) for name in TUNED}
        return {name: values for name, values in found.items() if isinstance(values, Range | tuple)}
