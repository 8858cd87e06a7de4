"""Loading a configuration: a file, the images, ``--set`` and Beam's options, then one check of all of it."""

import difflib
import logging
import shlex
from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path
from types import UnionType
from typing import Any, NamedTuple, Union, get_origin

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from models.addresses import as_in_a_shell, is_address
from models.errors import UserError
from models.settings.base import change_paths, is_section, sections_in
from models.user_files import read_text, shown
from pipeline.config.beam import RUNNER, joined
from pipeline.config.configuration import DIGITS, Config
from pipeline.config.overrides import override
from pipeline.config.yaml_text import parse_yaml

DEFAULT = "digits"  # the embedded configuration of a run without arguments
_MOST_BYTES = 1 << 20  # of a configuration
_MOST_ERRORS = 20
_LISTS = ("tuple_type", "list_type", "set_type", "frozen_set_type")  # types of an error of pydantic's
_TABLES = ("model_type", "model_attributes_type", "dict_type", "mapping_type")

_log = logging.getLogger(__name__)


class UserValues(NamedTuple):
    """The content of a configuration, unchecked.

    Attributes:
      name: of the file, or of what is used without one.
      content: section -> key -> value.
    """

    name: str
    content: dict[str, Any]


def load_config(
    path: Path | None = None, overrides: Iterable[str] = (), data: str | None = None, beam: Iterable[str] = ()
) -> Config:
    """Loads a configuration: a file, overridden by ``data`` (the images), ``a.b=value`` and options of Beam.

    Keys of the file that an override makes meaningless are dropped, with a warning in the log.

    Without a file: the embedded digits; with ``data``, the defaults of ``Config`` instead, since a recipe for 8x8
    digits of ten known classes fits no other images.

    Raises:
      UserError: the file is missing or not YAML, or keys are unknown, of the wrong type or out of range: one line for
        each.
    """
    return checked(read_user_values(path, overrides, data, beam))


def checked(user_values: UserValues) -> Config:
    """The configuration of the user's values.

    Raises:
      UserError: a key is unknown, of the wrong type or out of range, or sections are inconsistent.
    """
    try:
        return Config.model_validate(user_values.content)
    except ValidationError as error:
        messages = [_message_of(one) for one in error.errors()[:_MOST_ERRORS]]
        lines = [
            f"{user_values.name}: {shown(text, 3000)}" + (f" [{code}]" if len(messages) > 1 else "")
            for text, code in messages
        ]
        if more := error.error_count() - len(messages):
            lines.append(f"{user_values.name}: and {more:,} more errors")
        raise UserError("\n".join(lines), code=messages[0][1]) from None


def read_user_values(
    path: Path | None = None, overrides: Iterable[str] = (), data: str | None = None, beam: Iterable[str] = ()
) -> UserValues:
    """The values of ``load_config`` before they are checked.

    Raises:
      UserError: the file is missing or not YAML, or an override is not ``a.b=value``.
    """
    if path:
        name, content = str(path), _read(str(path), path)
        _check_nothing_empty(name, content)
        _change_paths(name, content, lambda value: _beside(path, value))
    elif data in (None, DIGITS):
        name, content = f"{DEFAULT}.yaml", _read(DEFAULT, Path(str(resources.files("configs"))) / f"{DEFAULT}.yaml")
    else:
        name, content = "defaults", {}
    for note in override(content, overrides):
        _log.warning("%s: %s", name, note)
    _check_nothing_empty(name, content)
    _add_beam(content, [option for several in beam for option in _options(several)])
    if data is not None:
        _check_nothing_empty("--data", data)
        section = content.setdefault("data", {})
        if isinstance(section, dict):
            section["source"] = data
    _change_paths(name, content, as_in_a_shell)
    return UserValues(name, content)


def _change_paths(name: str, content: dict[str, Any], change: Callable[[str], str]) -> None:
    try:
        change_paths(Config, content, change, addresses=True)
    except ValueError as error:
        raise UserError(f"{name}: {error}", code="config-invalid-value") from None


def _beside(file: Path, value: str) -> str:
    """A path in a configuration, relative to the file; a folder that is called ``~`` is no home."""
    value = as_in_a_shell(value, file.parent)
    path = value if is_address(value) else str(file.parent / value)
    return f"./{path}" if path.startswith("~") else path


def _check_nothing_empty(name: str, content: Any, key: str = "") -> None:
    """Checks that no value is an empty text: as a path it would be the current folder, or that of the file.

    Raises:
      UserError: one is.
    """
    if isinstance(content, dict):
        for one, value in content.items():
            _check_nothing_empty(name, value, f"{key}.{one}" if key else str(one))
    elif isinstance(content, list):
        for number, value in enumerate(content):
            _check_nothing_empty(name, value, f"{key}[{number}]")
    elif isinstance(content, str) and not content.strip():
        raise UserError(f"{name}: {key + ': ' if key else ''}is empty; for none, write null", code="config-empty")


def _message_of(error: ErrorDetails) -> tuple[str, str]:
    """The message for an error of pydantic, with the key, the value and what is allowed, and its error code."""
    key = shown(".".join(str(part) for part in error["loc"])) or "the configuration"
    if error["type"] == "extra_forbidden":
        known = _keys_at(error["loc"][:-1])
        near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(known)}"
        return f"{key}: unknown key; {hint}", "config-unknown-key"
    reason = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error":
        return reason if key == "the configuration" else f"{key}: {reason}", "config-invalid-value"
    value = error["input"]
    got = "no value" if value is None else shown(repr(value))
    if error["type"] in _LISTS:
        example = f", such as [{shown(str(value))}]" if isinstance(value, (str, int, float)) else ""
        return f"{key}: got {got}; must be a list{example}", "config-invalid-value"
    if error["type"] in _TABLES:
        hint = "; leave the section out for its defaults" if value is None else ""
        return f"{key}: got {got}; must be a table of keys, such as {{key: value}}{hint}", "config-invalid-value"
    return f"{key}: got {got}; {reason[0].lower()}{reason[1:]}", "config-invalid-value"


def _keys_at(loc: tuple[int | str, ...]) -> list[str]:
    section: Any = Config
    for part in loc:
        # In a table of sections the part is a key, in a list of them an index.
        section = (
            section.model_fields[str(part)].annotation if is_section(section) else next(sections_in(section), None)
        )
        if get_origin(section) in (Union, UnionType):  # an optional section
            section = next(sections_in(section), None)
    return list(section.model_fields) if is_section(section) else []


def _read(name: str, file: Path) -> dict[str, Any]:
    text = read_text(file, "config-unreadable", _MOST_BYTES)
    try:
        content = parse_yaml(text)
    except yaml.YAMLError as error:
        raise UserError(f"{name}: not YAML: {' '.join(str(error).split())}", code="config-not-yaml") from None
    if not isinstance(content, (dict, type(None))):
        found = shown(repr(content), 80)
        raise UserError(
            f"{name}: must be a table of sections such as 'image:' and 'pairs:', not {found}", code="config-not-yaml"
        )
    return content or {}


def _options(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UserError(f"--beam {text}: {str(error).lower()}", code="config-invalid-option") from None


def _add_beam(content: dict[str, Any], options: list[str]) -> None:
    """Appends options of Beam to those of the configuration; ``--runner`` replaces the runner."""
    section = content.setdefault("beam", {}) if options else {}
    if not isinstance(section, dict):
        return
    for option in joined(options):
        name, _, value = option.partition("=")
        if name == RUNNER and value:
            section["runner"] = value
        else:
            section["args"] = [*section.get("args", ()), option]
