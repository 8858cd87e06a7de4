"""What takes the place of a file's values, a key at a time: ``--set a.b=value``."""

import copy
from collections.abc import Iterable
from typing import Any

import yaml

from models.errors import UserError
from models.settings.option_groups import impossible, orphaned
from pipeline.config.yaml_reader import parse_yaml

Path = tuple[str, ...]


def override(content: dict[str, Any], overrides: Iterable[str]) -> list[str]:
    """Puts ``overrides`` into ``content``, and takes out what the choices in them leave without a meaning.

    Whatever the user gives himself stays, for the configuration to take or refuse.

    Args:
      content: what a file gives; changed in place.
      overrides: ``a.b=value`` each.

    Returns:
      A sentence for each choice on account of which something of the file was left out or switched off.

    Raises:
      UserError: one is no KEY=VALUE, the value is not YAML, or the key lies under one that holds no keys.
    """
    file = copy.deepcopy(content)
    own = [_put(content, one) for one in overrides]
    notes = _replaced_preset(content, own)
    left_out = {key: why for key, why in orphaned(file, content).items() if _is_files(content, own, key)}
    for key in left_out:
        section, last = key.split(".")
        del content[section][last]
    switched_off = {key: why for key, why in impossible(file, content).items() if not _is_users(content, own, key)}
    for key in switched_off:
        section, last = key.split(".")
        content[section][last] = False
    notes += [f"{keys} left out: given for another choice than {why}" for keys, why in _by(left_out)]
    notes += [f"{keys} switched off, which cannot be with {why}" for keys, why in _by(switched_off)]
    return notes


def _put(content: dict[str, Any], override: str) -> Path:
    key, equals, value = override.partition("=")
    if not equals or not key.strip():
        raise UserError(f"--set {override}: must be KEY=VALUE, e.g. --set training.epochs=20")
    *path, last = _path(key.strip())
    place = content
    for part in path:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise UserError(f"--set {override}: {part} holds {place!r}, not keys")
    try:
        place[last] = parse_yaml(value)
    except yaml.YAMLError:
        raise UserError(f"--set {override}: the value is not YAML") from None
    return (*path, last)


def _replaced_preset(content: dict[str, Any], own: list[Path]) -> list[str]:
    """A preset is a whole section: the file's own distortions were tried with another one."""
    if ("augmentation", "preset") not in own:
        return []
    section = content["augmentation"]
    replaced = [f"augmentation.{key}" for key in section if not _is_own(own, ("augmentation", key))]
    for key in replaced:
        del section[_path(key)[-1]]
    why = f"augmentation.preset={section['preset']} takes the place of the section"
    return [f"{', '.join(replaced)} left out: {why}"] if replaced else []


def _is_files(content: dict[str, Any], own: list[Path], key: str) -> bool:
    return _is_given(content, key) and not _is_own(own, _path(key))


def _is_users(content: dict[str, Any], own: list[Path], key: str) -> bool:
    return _is_given(content, key) and _is_own(own, _path(key))


def _is_given(content: dict[str, Any], key: str) -> bool:
    section, last = _path(key)
    given = content.get(section)
    return isinstance(given, dict) and given.get(last) is not None


def _is_own(own: list[Path], path: Path) -> bool:
    """Whether the user gave the key, or a section that it is in."""
    return any(path[: len(one)] == one for one in own)


def _path(key: str) -> Path:
    return tuple(key.split("."))


def _by(reasons: dict[str, str]) -> list[tuple[str, str]]:
    """The keys of each reason, and the reason."""
    return [
        (", ".join(sorted(key for key, other in reasons.items() if other == why)), why)
        for why in dict.fromkeys(reasons.values())
    ]
