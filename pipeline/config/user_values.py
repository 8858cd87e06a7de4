"""What the user gives, before it is a configuration: a file, images, ``--set`` and Beam's options."""

import logging
import shlex
from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from models.data.features import SPLITS
from models.errors import UserError
from pipeline.config.overrides import override
from pipeline.config.yaml_reader import parse_yaml

DEFAULT = "digits"  # the embedded configuration of a run without arguments
DIGITS = "sklearn:digits"  # data.source of the handwritten digits that ship with scikit-learn

_log = logging.getLogger(__name__)


class UserValues(NamedTuple):
    """The content of a configuration, unchecked.

    Attributes:
      name: of the file, or what stands in its place.
      content: section -> key -> value.
    """

    name: str
    content: dict[str, Any]


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
        change_paths(content, lambda value: str(path.parent / value))  # those in a file are relative to the file
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


def change_paths(content: dict[str, Any], change: Callable[[str], str]) -> None:
    """Changes, in place, all that may be a path of this machine."""
    pairs = content.get("pairs")
    sections = (
        (content.get("data"), ("source", "schema_file")),
        (content.get("push"), ("serving_dir",)),
        (content.get("encoder"), ("weights",)),
        (pairs.get("protocol") if isinstance(pairs, dict) else None, SPLITS),
    )
    for section, keys in sections:
        if not isinstance(section, dict):
            continue
        for key in keys:
            value = section.get(key)
            if isinstance(value, str) and value not in (DIGITS, "none", "imagenet") and "://" not in value:
                section[key] = change(value)


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
