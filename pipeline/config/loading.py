"""Loading a configuration: a file, the images, ``--set`` and Beam's options, then one check of all of it."""

import logging
import shlex
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from models.errors import UserError
from models.settings.base import change_paths
from pipeline.config.configuration import DIGITS, Config
from pipeline.config.errors import message_of
from pipeline.config.overrides import override
from pipeline.config.yaml_reader import parse_yaml

DEFAULT = "digits"  # the embedded configuration of a run without arguments

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
        each, with the key, the value and what is allowed.
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
        messages = [message_of(one, Config) for one in error.errors()]
        lines = [f"{user_values.name}: {message.text}" for message in messages]
        if len(messages) > 1:
            lines = [f"{line} [{message.code}]" for line, message in zip(lines, messages, strict=True)]
        raise UserError("\n".join(lines), code=messages[0].code) from None


def read_user_values(
    path: Path | None = None, overrides: Iterable[str] = (), data: str | None = None, beam: Iterable[str] = ()
) -> UserValues:
    """The values of ``load_config`` before they are checked.

    Raises:
      UserError: the file is missing or not YAML, or an override is not ``a.b=value``.
    """
    if path:
        name, content = str(path), _read(str(path), path)
        change_paths(Config, content, lambda value: str(path.parent / value))  # in a file: relative to the file
    elif data in (None, DIGITS):
        name, content = f"{DEFAULT}.yaml", _read(DEFAULT, resources.files("configs") / f"{DEFAULT}.yaml")
    else:
        name, content = "defaults", {}
    for note in override(content, overrides):
        _log.warning("%s: %s", name, note)
    _add_beam(content, [option for several in beam for option in shlex.split(several)])
    if data is not None:
        section = content.setdefault("data", {})
        if isinstance(section, dict):
            section["source"] = data
    return UserValues(name, content)


def _read(name: str, file: Any) -> dict[str, Any]:
    try:
        content = parse_yaml(file.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{name}: cannot be read: {_reason(error)}", code="config-unreadable") from None
    except yaml.YAMLError as error:
        raise UserError(f"{name}: not YAML: {' '.join(str(error).split())}", code="config-not-yaml") from None
    if not isinstance(content, dict):
        raise UserError(
            f"{name}: must be a table of sections such as 'image:' and 'pairs:', not {content!r}",
            code="config-not-yaml",
        )
    return content


def _add_beam(content: dict[str, Any], options: list[str]) -> None:
    """Appends options of Beam to those of the configuration; ``--runner`` replaces the runner."""
    section = content.setdefault("beam", {}) if options else {}
    if not isinstance(section, dict):
        return
    for option in options:
        name, _, value = option.partition("=")
        if name == "--runner" and value:
            section["runner"] = value
        else:
            section["args"] = [*section.get("args", ()), option]


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
