"""What a tuned value does to a recipe. Plain pydantic: checked when the configuration is read."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from models.settings import ModelSettings
from models.settings.tuner import Range, TunerSettings

# Distortions that the strength of the augmentation multiplies, and the most that each may be.
_DISTORTIONS = {
    "rotation": 180.0,
    "shear": 45.0,
    "elastic": 0.25,
    "brightness": float("inf"),
    **dict.fromkeys(("scale", "crop", "translation", "contrast", "erasing"), 0.9),
}


def with_values(settings: ModelSettings, values: Mapping[str, float]) -> ModelSettings:
    """The recipe with tuned values in the place of its own.

    Args:
      settings: the recipe.
      values: by the names of ``models.settings.tuner.TUNED``.

    Raises:
      ValueError: the recipe cannot have such a value.
    """
    given: dict[str, Any] = settings.model_dump()
    for name, value in values.items():
        if name == "margin":
            given["loss"]["margin"] = value
        elif name == "learning_rate":
            given["training"]["learning_rate"] = value
        elif name == "embedding":
            given["encoder"]["embedding"] = int(value)
        elif name == "dropout":
            given["encoder"]["dropout"] = value
        elif name == "augmentation":
            given["augmentation"] |= {
                key: min(given["augmentation"][key] * value, most) for key, most in _DISTORTIONS.items()
            }
        else:
            raise ValueError(f"{name} is not tuned")
    return ModelSettings.model_validate(given)


def own_values(settings: ModelSettings, tuner: TunerSettings) -> dict[str, float] | None:
    """What the recipe has for all that is tuned; None where one of them is none that would be tried."""
    own = {
        "margin": settings.loss.margin,
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
    """The search without what the recipe does not have, where nobody asked for it.

    Raises:
      ValueError: something that was asked for is none of the recipe's, or a value is none that it can have.
    """
    absent = {
        "margin": settings.loss.margin is None and f"the loss {settings.loss.name} has no margin",
        "augmentation": not any(getattr(settings.augmentation, key) for key in _DISTORTIONS)
        and "the recipe distorts nothing",
    }
    left: dict[str, None] = {}
    for name, why in absent.items():
        if why and name in tuner.model_fields_set and getattr(tuner, name) is not None:
            raise ValueError(f"tuner.{name}: {why}; set it to null")
        if why:
            left[name] = None
    found = tuner.model_copy(update=left)
    for name, values in found.space.items():
        for value in (values.min, values.max) if isinstance(values, Range) else values:
            _check(settings, name, value)
    return found


def _check(settings: ModelSettings, name: str, value: float) -> None:
    try:
        with_values(settings, {name: value})
    except ValueError as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise ValueError(f"tuner.{name} {value:g}: {why.removeprefix('Value error, ')}") from None
