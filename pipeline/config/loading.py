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
from pipeline.config.errors import sentence
from pipeline.config.overrides import override
from pipeline.config.yaml_reader import parse_yaml

DEFAULT = "digits"  # the embedded configuration of a run without arguments

_log = logging.getLogger(__name__)


class UserValues(NamedTuple):
    """The content of a configuration, unchecked.

    Attributes:
      name: of the file, or what stands in its place.
      content: section -> key -> value.
    """

    name: str
    content: dict[str, Any]


def load_config(
    path: Path | None = None, overrides: Iterable[str] = (), data: str | None = None, beam: Iterable[str] = ()
) -> Config:
    """Reads a configuration file, takes ``data`` for the images, applies ``a.b=value`` overrides and Beam's options.

    What of the file an override leaves without a meaning is left out, and a warning is logged that says so.

    Without a file: the embedded digits; with images of the user's own, the defaults of ``Config`` instead, since a
    recipe for 8x8 digits of ten known classes fits nobody else's.

    Raises:
      UserError: the file is missing or not YAML, or a key is unknown, of the wrong type or out of range. One line a
        fault: the key, what was given, what is allowed.
    """
    return checked(read_user_values(path, overrides, data, beam))


def checked(user_values: UserValues) -> Config:
    """The configuration of what is given.

    Raises:
      UserError: a key is unknown, of the wrong type or out of range, or sections do not fit together.
    """
    try:
        return Config.model_validate(user_values.content)
    except ValidationError as error:
        faults = error.errors()
        raise UserError("\n".join(f"{user_values.name}: {sentence(fault, Config)}" for fault in faults)) from None


def read_user_values(
    path: Path | None = None, overrides: Iterable[str] = (), data: str | None = None, beam: Iterable[str] = ()
) -> UserValues:
    """Reads a configuration file and puts in its place what is given beside it, as ``load_config`` says.

    A warning is logged of each choice on account of which something of the file is left out.

    Raises:
      UserError: the file is missing or not YAML, or an override is no ``a.b=value``.
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
        raise UserError(f"{name}: cannot be read as a configuration: {_reason(error)}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{name}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise UserError(f"{name}: must hold keys such as 'image:' and 'pairs:', not {content!r}")
    return content


def _add_beam(content: dict[str, Any], options: list[str]) -> None:
    """Beam's own options go to those of the configuration, a runner in its place."""
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
