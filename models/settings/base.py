"""What every section of the configuration is, and the markers that a field carries.

A marker declares, at the field, what another value changes and whether it may be a path::

    join_minutes: Annotated[float, Affects.CONFIGURATION] = Field(60.0, description="...")
    schema_file: Annotated[str | None, IsPath()] = Field(None, description="...")
"""

from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from models.addresses import is_address


class Settings(BaseModel):
    """Base of every section: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


class Affects(IntEnum):
    """The narrowest thing that a field is part of; it is part of the wider ones too.

    A field without this marker affects the weights, and so everything: a forgotten marker costs a training, never a
    result that is out of date. A section's marker holds for all of its fields.
    """

    NOTHING = 0  # where images lie, who is notified, the cluster: not even the digest of the configuration
    CONFIGURATION = 1  # the digest of the configuration: what a model must reach, how Beam runs, what is logged
    RECIPE = 2  # the digest of the recipe, which identifies what makes a model: calibration
    WEIGHTS = 3  # the trained weights


class IsPath(NamedTuple):
    """The field may be a path of this machine: relative to the file that sets it."""

    unless: tuple[str, ...] = ()  # values that are names and no paths; neither are addresses with ``://``


def affecting(level: Affects, section: type[BaseModel], content: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a dumped section that affects ``level`` or something narrower, by the markers of all fields in it.

    Keys of ``content``, its ``model_dump``, that the class does not have are kept.
    """
    kept: dict[str, Any] = {}
    for key, value in content.items():
        field = section.model_fields.get(key)
        if field is None:
            kept[key] = value
        elif _marker(field, Affects, Affects.WEIGHTS) >= level:
            inner: Any = field.annotation
            kept[key] = affecting(level, inner, value) if is_section(inner) and isinstance(value, Mapping) else value
    return kept


def change_paths(section: type[BaseModel], content: Any, change: Callable[[str], str]) -> None:
    """Changes, in place, every value of an unchecked section that may be a path of this machine."""
    if not isinstance(content, dict):
        return
    for key, field in section.model_fields.items():
        value, path = content.get(key), _marker(field, IsPath, None)
        if path is None:
            for inner in sections_in(field.annotation):
                change_paths(inner, value, change)
        elif isinstance(value, str) and value not in path.unless and not is_address(value):
            content[key] = change(value)


def is_section(annotation: Any) -> bool:
    """Whether it is a class of settings."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def sections_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The classes of settings that a field may hold: its own, or those of a union, a list or a table."""
    if is_section(annotation):
        yield annotation
    for one in get_args(annotation):
        yield from sections_in(one)


def _marker(field: FieldInfo, kind: Any, default: Any) -> Any:
    return next((one for one in field.metadata if isinstance(one, kind)), default)
