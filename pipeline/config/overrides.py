"""Overrides of single keys, ``--set a.b=value``."""

import copy
from collections.abc import Iterable
from typing import Any

import yaml

from models.errors import UserError
from models.settings.option_groups import impossible, orphaned
from models.user_files import shown
from pipeline.config.yaml_text import parse_argument

Path = tuple[str, ...]


def override(content: dict[str, Any], overrides: Iterable[str]) -> list[str]:
    """Puts ``overrides`` into ``content``, and drops keys of the file that they make meaningless.

    Keys that the overrides set themselves stay, for the configuration to accept or refuse.

    Args:
      content: of a file; changed in place.
      overrides: ``a.b=value`` each.

    Returns:
      A message for each override because of which keys of the file were dropped or switched off.

    Raises:
      UserError: one is not KEY=VALUE, its value is not YAML, or its key lies under one that is not a section.
    """
    file = copy.deepcopy(content)
    overrides = list(overrides)
    own = [_put(content, one) for one in overrides]
    notes = _replaced_override(overrides, own) + _replaced_preset(content, own)
    dropped = {
        key: why for key, why in orphaned(file, content).items() if _is_set(content, key) and not _is_own(own, key)
    }
    for section, last in map(_path, dropped):
        del content[section][last]
    switched_off = {
        key: why for key, why in impossible(file, content).items() if not (_is_set(content, key) and _is_own(own, key))
    }
    for section, last in map(_path, switched_off):
        content[section][last] = False
    notes += [f"{keys} dropped: set for another choice than {why}" for keys, why in _by(dropped)]
    notes += [f"{keys} switched off: impossible with {why}" for keys, why in _by(switched_off)]
    return notes


def _put(content: dict[str, Any], override: str) -> Path:
    key, equals, value = override.partition("=")
    if equals and not value.strip():
        raise UserError(
            f"--set {override}: the value is empty; is a variable of the shell not set? For none, write null",
            code="config-empty",
        )
    if not equals or not key.strip():
        raise UserError(
            f"--set {override}: must be KEY=VALUE, e.g. --set training.epochs=20", code="config-invalid-override"
        )
    *path, last = _path(key.strip())
    section = content
    for part in path:
        section = section.setdefault(part, {})
        if not isinstance(section, dict):
            raise UserError(f"--set {override}: {part} is {section!r}, not a section", code="config-invalid-override")
    try:
        section[last] = parse_argument(value)
    except yaml.YAMLError as error:
        why = " ".join(str(error).split())[:300]
        raise UserError(f"--set {shown(override)}: the value is not YAML: {why}", "config-invalid-override") from None
    return (*path, last)


def _replaced_override(overrides: list[str], own: list[Path]) -> list[str]:
    """Of two overrides of a key, or of a key and the section around it, the last holds."""
    return [
        f"--set {overrides[n]} replaces --set {overrides[earlier]}"
        for n, path in enumerate(own)
        for earlier, other in enumerate(own[:n])
        if other[: len(path)] == path
    ]


def _replaced_preset(content: dict[str, Any], own: list[Path]) -> list[str]:
    """A preset replaces the section: the file's own distortions were chosen for another one."""
    if ("augmentation", "preset") not in own:
        return []
    section = content["augmentation"]
    replaced = [key for key in section if not _is_own(own, f"augmentation.{key}")]
    for key in replaced:
        del section[key]
    names = ", ".join(f"augmentation.{key}" for key in replaced)
    return [f"{names} dropped: augmentation.preset={section['preset']} replaces the section"] if replaced else []


def _is_set(content: dict[str, Any], key: str) -> bool:
    section, last = _path(key)
    keys = content.get(section)
    return isinstance(keys, dict) and keys.get(last) is not None


def _is_own(own: list[Path], key: str) -> bool:
    """Whether an override set the key, or a section that it is in."""
    return any(_path(key)[: len(one)] == one for one in own)


def _path(key: str) -> Path:
    return tuple(key.split("."))


def _by(reasons: dict[str, str]) -> list[tuple[str, str]]:
    """The keys of each reason, and the reason."""
    return [
        (", ".join(sorted(key for key, other in reasons.items() if other == why)), why)
        for why in dict.fromkeys(reasons.values())
    ]
