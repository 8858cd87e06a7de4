"""The search space: tuned values of a recipe. Plain pydantic, checked when the configuration is read."""

import math
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from models.settings import ModelSettings
from models.settings.augmentation import AUGMENTATIONS
from models.settings.tuner import TUNED, Range, TunerSettings

_JUST_BELOW = 0.9  # of a bound that is not allowed itself


def _bound(constraint: Any) -> float:
    below: float | None = getattr(constraint, "lt", None)
    return float(getattr(constraint, "le", math.inf)) if below is None else _JUST_BELOW * below


# The keys that the strength of the augmentation multiplies, and the most that each may be.
_DISTORTIONS = {
    key: min(map(_bound, field.metadata), default=math.inf)
    for one in AUGMENTATIONS.values()
    for key, field in one.model_fields.items()
    if field.annotation is float
}


def with_values(settings: ModelSettings, values: Mapping[str, float]) -> ModelSettings:
    """The recipe with tuned values instead of its own, by the names of ``models.settings.tuner.TUNED``.

    Raises:
      ValueError: the recipe cannot have such a value.
    """
    content: dict[str, Any] = settings.model_dump()
    if "embedding" in values:  # with which distances may grow
        other = settings.encoder.model_copy(update={"embedding": int(values["embedding"])})
        growth = settings.loss.scale(other) / settings.loss.scale(settings.encoder)
        for key in margins_of(settings):
            content["loss"][key] *= growth
    for name, value in values.items():
        if name == "margin":
            content["loss"]["margin"] = value
        elif name == "learning_rate":
            content["training"]["learning_rate"] = value
        elif name == "embedding":
            content["encoder"]["embedding"] = int(value)
        elif name == "dropout":
            content["encoder"]["dropout"] = value
        elif name == "augmentation":
            own = {key: content["augmentation"][key] for key in _DISTORTIONS}
            content["augmentation"] |= {key: min(own[key] * value, max(own[key], _DISTORTIONS[key])) for key in own}
        else:
            raise ValueError(f"{name} is not tuned")
    return ModelSettings.model_validate(content)


def margins_of(settings: ModelSettings) -> dict[str, float]:
    """The margins of the loss, which grow with the distances."""
    margins = {margin for unit in settings.loss.chosen.margins.values() for margin in unit}
    return {key: value for key, value in settings.loss.options().items() if key in margins}


def own_values(settings: ModelSettings, tuner: TunerSettings) -> dict[str, float] | None:
    """The recipe's values of everything that is tuned; None where one of them lies outside the search space."""
    own = {
        "margin": margins_of(settings).get("margin"),
        "learning_rate": settings.training.learning_rate,
        "embedding": settings.encoder.embedding,
        "dropout": settings.encoder.dropout,
        "augmentation": 1.0,
    }
    found = {}
    for name, values in tuner.space.items():
        value = own[name]
        tried = value is not None and (
            values.min <= value <= values.max if isinstance(values, Range) else value in values
        )
        if value is None or not tried:
            return None
        found[name] = value
    return found


def fitted_to(tuner: TunerSettings, settings: ModelSettings) -> TunerSettings:
    """The search for this recipe: ``auto`` is what lies around the recipe's own values, and no trial comes twice.

    Raises:
      ValueError: something that was asked for is none of the recipe's, or a value is none that it can have.
    """
    absent = {
        "margin": "margin" not in margins_of(settings) and f"the loss {settings.loss.name} has no margin",
        "augmentation": not any(getattr(settings.augmentation, key) for key in _DISTORTIONS)
        and "the recipe distorts nothing",
    }
    around = _around(settings)
    ranges: dict[str, Any] = {}
    for name in TUNED:
        asked, why = getattr(tuner, name), absent.get(name)
        if why and asked not in (None, "auto"):
            raise ValueError(f"tuner.{name}: {why}; set it to null")
        ranges[name] = (None if why else around[name]) if asked == "auto" else asked
    found = tuner.model_copy(update=ranges)
    if not found.space:
        raise ValueError(f"tuner.trials {tuner.trials}: nothing is tuned; give one of {', '.join(TUNED)}")
    for name, values in found.space.items():
        for value in (values.min, values.max) if isinstance(values, Range) else values:
            _check(settings, name, value)
    choices = [values for values in found.space.values() if isinstance(values, tuple)]
    if len(choices) == len(found.space):
        found = found.model_copy(update={"trials": min(found.trials, math.prod(map(len, choices)))})
    return found


def _around(settings: ModelSettings) -> dict[str, Range | tuple[float, ...]]:
    """The recipe's own values and what lies on both sides of them."""
    margins, rate = margins_of(settings), settings.training.learning_rate
    margin = margins.get("margin", 1.0)
    embedding, dropout = settings.encoder.embedding, settings.encoder.dropout
    lowest = max(0.6 * margin, (margins.get("positive_margin", 0.0) + margin) / 2)
    return {
        "margin": Range(min=lowest, max=1.4 * margin),
        "learning_rate": Range(min=rate / 5, max=5 * rate, log=True),
        "embedding": tuple(sorted({max(2, embedding // 2), embedding, min(2 * embedding, 4096)})),
        "dropout": tuple(sorted({0.0, 0.1, 0.2, 0.4, dropout})),
        "augmentation": Range(min=0.5, max=1.5),
    }


def _check(settings: ModelSettings, name: str, value: float) -> None:
    if name == "embedding" and value != int(value):
        raise ValueError(f"tuner.embedding {value:g}: must be a whole number")
    try:
        with_values(settings, {name: value})
    except ValueError as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise ValueError(f"tuner.{name} {value:g}: {why.removeprefix('Value error, ')}") from None
