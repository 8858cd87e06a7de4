"""What every section of the configuration is, and the markers that a field carries.

A marker declares, at the field, what another value changes and whether it may be a path::

    join_minutes: Annotated[float, Affects.CONFIGURATION] = Field(60.0, description="...")
    schema_file: Annotated[str | None, IsPath()] = Field(None, description="...")
"""

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic.fields import FieldInfo

from models.addresses import is_address

_LARGEST_INT = 2**31 - 1  # of TensorFlow's and protobuf's int32; a field with an upper bound of its own may be larger
_SMALLEST_FLOAT, _LARGEST_FLOAT = 1e-30, 1e30  # of float32, with room for what is computed of them
_LONGEST_TEXT = 10_000
_MOST_ENTRIES = 10_000  # of a list or a table


class Settings(BaseModel):
    """Base of every section: frozen, an unknown key is an error, and no value is too large for what it goes through."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        annotation = cls.model_fields[str(info.field_name)].annotation
        kinds = set() if any(sections_in(annotation)) else set(_kinds_in(annotation))
        if kinds & {int, float} and bool not in kinds and _holds_truth_value(value):
            raise ValueError(f"must be a number, not {str(value).lower()}")
        return value

    @field_validator("*")
    @classmethod
    def _representable(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, str) and not value.strip():
            raise ValueError("must not be empty; null is the default")
        constraints = cls.model_fields[str(info.field_name)].metadata
        _check_representable(value, any(hasattr(one, "le") or hasattr(one, "lt") for one in constraints))
        return value


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


def _check_representable(value: Any, bounded: bool = False) -> None:
    """Refuses a number, a text or a number of entries that is accepted by a type and fails wherever it is used."""
    if isinstance(value, int) and not isinstance(value, bool) and not bounded and abs(value) > _LARGEST_INT:
        raise ValueError(f"must be from {-_LARGEST_INT:,} to {_LARGEST_INT:,}")
    if isinstance(value, float) and value and not _SMALLEST_FLOAT <= abs(value) <= _LARGEST_FLOAT:
        raise ValueError(f"must be 0, or of a size from {_SMALLEST_FLOAT:g} to {_LARGEST_FLOAT:g}")
    if isinstance(value, str):
        if len(value) > _LONGEST_TEXT:
            raise ValueError(f"must be of at most {_LONGEST_TEXT:,} characters, not {len(value):,}")
        if any(unicodedata.category(one) in ("Cc", "Cs") and one not in "\n\r\t" for one in value):
            raise ValueError("must not hold control characters")
    if isinstance(value, (tuple, list, dict)):
        if len(value) > _MOST_ENTRIES:
            raise ValueError(f"must have at most {_MOST_ENTRIES:,} entries, not {len(value):,}")
        for one in (*value, *value.values()) if isinstance(value, dict) else value:
            _check_representable(one)


def _kinds_in(annotation: Any) -> Iterator[Any]:
    """The types that a field takes; of a choice, those of its values."""
    if get_origin(annotation) is Literal:
        yield from map(type, get_args(annotation))
    elif inner := get_args(annotation):
        for one in inner:
            yield from _kinds_in(one)
    else:
        yield annotation


def _holds_truth_value(value: Any) -> bool:
    if isinstance(value, (tuple, list, dict)):
        return any(map(_holds_truth_value, value.values() if isinstance(value, dict) else value))
    return isinstance(value, bool)


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


def change_paths(section: type[BaseModel], content: Any, change: Callable[[str], str], addresses: bool = False) -> None:
    """Changes, in place, every value of an unchecked section that may be a path of this machine, or an address."""
    if not isinstance(content, dict):
        return
    for key, field in section.model_fields.items():
        value, path = content.get(key), _marker(field, IsPath, None)
        if path is None:
            for inner in sections_in(field.annotation):
                change_paths(inner, value, change, addresses)
        elif isinstance(value, str) and value not in path.unless and (addresses or not is_address(value)):
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
