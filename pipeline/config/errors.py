"""Errors of validation as messages: the key, the value, what is allowed."""

import difflib
from types import UnionType
from typing import Any, NamedTuple, Union, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from models.settings.base import is_section, sections_in


class Message(NamedTuple):
    """One error, and its code in ``models.error_codes``."""

    text: str
    code: str


def message_of(error: ErrorDetails, config: type[BaseModel]) -> Message:
    """The message for an error of pydantic in a value for ``config``."""
    key = ".".join(str(part) for part in error["loc"]) or "the configuration"
    if error["type"] == "extra_forbidden":
        known = _keys_at(error["loc"][:-1], config)
        near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(known)}"
        return Message(f"{key}: unknown key; {hint}", "config-unknown-key")
    reason = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error":
        return Message(reason if key == "the configuration" else f"{key}: {reason}", "config-invalid-value")
    return Message(f"{key}: got {error['input']!r}; {reason[0].lower()}{reason[1:]}", "config-invalid-value")


def _keys_at(loc: tuple[int | str, ...], config: type[BaseModel]) -> list[str]:
    section: Any = config
    for part in loc:
        # In a table of sections the part is a key, in a list of them an index.
        section = (
            section.model_fields[str(part)].annotation if is_section(section) else next(sections_in(section), None)
        )
        if get_origin(section) in (Union, UnionType):  # an optional section
            section = next(sections_in(section), None)
    return list(section.model_fields) if is_section(section) else []
