"""Every key of a configuration with its value, its default and its meaning, as ``siamese config`` shows it."""

import copy
import difflib
import os
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from models.errors import UserError
from models.settings.base import change_paths, is_section, sections_in
from pipeline.config.configuration import Config
from pipeline.config.loading import UserValues, checked
from pipeline.config.yaml_text import dump_yaml


class Row(NamedTuple):
    """One key; value and default are YAML in one line, the value empty for keys of a list's entries."""

    key: str
    value: str
    default: str
    meaning: str


class Section(NamedTuple):
    """A section and its keys; the outermost has no name."""

    name: str
    meaning: str
    rows: list[Row]


def sections(user_values: UserValues, part: str | None = None) -> list[Section]:
    """All sections in their order, the outermost first, or those of ``part``: "training", "data.split", "loss.margin".

    Raises:
      UserError: the configuration is wrong, or there is no such ``part``.
    """
    values = checked(user_values).model_dump(mode="json")
    return _part(list(_sections(Config, "", user_values, values)), part)


def config_yaml(user_values: UserValues, part: str | None = None) -> str:
    """A file for ``--config``, in any folder: paths of this machine are absolute.

    Raises:
      UserError: as ``sections``.
    """
    content: Any = checked(user_values).model_dump(mode="json")
    change_paths(Config, content, os.path.abspath)
    if part:
        sections(user_values, part)  # there is one
        content = _at(content, part)
        for name in reversed(part.split(".")):
            content = {name: content}
    return dump_yaml(content)


def _sections(kind: type[BaseModel], name: str, user_values: UserValues, values: dict[str, Any]) -> Iterator[Section]:
    prefix = f"{name}." if name else ""
    rows: list[Row] = []
    inner: dict[str, Any] = {}
    for key, field in kind.model_fields.items():
        path = f"{prefix}{key}"
        if is_section(field.annotation):
            inner[path] = field.annotation
            continue
        value = _at(values, path)
        rows.append(Row(path, _line(value), _line(_default(user_values, path, field, value)), _meaning(field)))
        rows += _rows_of_entries(path, field)
    yield Section(name, (kind.__doc__ or "").strip().splitlines()[0].replace("``", ""), rows)
    for path, section in inner.items():
        yield from _sections(section, path, user_values, values)


def _rows_of_entries(path: str, field: FieldInfo) -> list[Row]:
    """The keys that each entry of a list, or of a table by name, has."""
    origin, inner = get_origin(field.annotation), next(sections_in(field.annotation), None)
    if origin not in (tuple, dict) or inner is None:
        return []
    entry = f"{path}[]" if origin is tuple else f"{path}.<name>"
    return [
        Row(f"{entry}.{key}", "", "" if of.is_required() else _line(_static(of)), _meaning(of))
        for key, of in inner.model_fields.items()
    ]


def _default(user_values: UserValues, path: str, field: FieldInfo, value: Any) -> Any:
    """The value without the user's own; it may depend on other keys, as a margin does on the distance."""
    static = _static(field)
    if value == static or not _is_set(user_values.content, path):
        return value
    *parents, last = path.split(".")
    content = copy.deepcopy(user_values.content)
    del (_at(content, ".".join(parents)) if parents else content)[last]
    try:
        return _at(checked(UserValues(user_values.name, content)).model_dump(mode="json"), path)
    except UserError:  # the other keys are inconsistent without it
        return static


def _is_set(content: Any, path: str) -> bool:
    for part in path.split("."):
        if not isinstance(content, dict) or part not in content:
            return False
        content = content[part]
    return True


def _static(field: FieldInfo) -> Any:
    """The default as ``model_dump(mode="json")`` has it."""
    return to_jsonable_python(field.get_default(call_default_factory=True))


def _at(content: Any, path: str) -> Any:
    for part in path.split("."):
        content = content[part]
    return content


def _line(value: Any) -> str:
    if isinstance(value, str):
        return value
    return yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6).removesuffix("...\n").strip()


def _meaning(field: FieldInfo) -> str:
    choices = _choices(field.annotation)
    return f"{field.description or ''} ({', '.join(choices)})" if choices else field.description or ""


def _choices(annotation: Any) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(one) for one in get_args(annotation)]
    return [choice for one in get_args(annotation) for choice in _choices(one)]


def _part(all_sections: list[Section], part: str | None) -> list[Section]:
    """A section with those in it, or the one key of a section."""
    if not part:
        return all_sections
    if found := [section for section in all_sections if f"{section.name}.".startswith(f"{part}.")]:
        return found
    for section in all_sections:
        if rows := [row for row in section.rows if row.key == part or row.key.startswith((f"{part}.", f"{part}["))]:
            return [section._replace(rows=rows)]
    known = [section.name for section in all_sections if section.name]
    keys = [row.key for section in all_sections for row in section.rows]
    near = difflib.get_close_matches(part, [*known, *keys], n=1)
    hint = f"did you mean {near[0]}?" if near else f"sections: {', '.join(known)}"
    raise UserError(f"{part}: unknown section or key; {hint}", code="config-unknown-key")
