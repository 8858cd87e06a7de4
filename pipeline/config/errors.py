"""What is wrong with a configuration, in our words: the key, what was given, what is allowed."""

import difflib
from types import UnionType
from typing import Any, Union, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from models.settings.base import is_section, sections_in


def sentence(fault: ErrorDetails, whole: type[BaseModel]) -> str:
    """One fault of pydantic's, found in a ``whole``."""
    key = ".".join(str(part) for part in fault["loc"]) or "the configuration"
    if fault["type"] == "extra_forbidden":
        known = _keys_at(fault["loc"][:-1], whole)
        near = difflib.get_close_matches(str(fault["loc"][-1]), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(known)}"
        return f"{key}: unknown key; {hint}"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "value_error":
        return message if key == "the configuration" else f"{key}: {message}"
    return f"{key}: got {fault['input']!r}; {message[0].lower()}{message[1:]}"


def _keys_at(loc: tuple[int | str, ...], whole: type[BaseModel]) -> list[str]:
    section: Any = whole
    for part in loc:
        # Where it is no section, the part is the key of a table of sections, or the index in a list of them.
        section = (
            section.model_fields[str(part)].annotation if is_section(section) else next(sections_in(section), None)
        )
        if get_origin(section) in (Union, UnionType):  # a section that may be left out
            section = next(sections_in(section), None)
    return list(section.model_fields) if is_section(section) else []
