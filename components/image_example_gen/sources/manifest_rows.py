"""The rows of a manifest, CSV or JSON lines, and every mistake in them. Pure."""

import csv
import difflib
import io
import json
import posixpath
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from components.storage.list_errors import LineErrors, decode_text
from models.data.features import SPLITS
from models.errors import UserError

COLUMNS = ("path", "identity", "group", "split", "impostor_of")
SUFFIXES = (".csv", ".jsonl", ".ndjson")

_DRIVE = re.compile(r"[A-Za-z]:|\\\\")


class ManifestRow(NamedTuple):
    """One image; what is not said is "". ``line`` is where it stands."""

    line: int
    path: str
    identity: str
    group: str
    split: str
    impostor_of: str


def read_rows(name: str, data: bytes) -> list[ManifestRow]:
    """The rows of a manifest, in its order.

    Args:
      name: what messages call it; its ending tells CSV from JSON lines.
      data: all of it.

    Raises:
      UserError: line by line, what is wrong and what would be right.
    """
    text = decode_text(name, data)
    mistakes = LineErrors(name)
    given = _csv(name, text, mistakes) if name.lower().endswith(".csv") else _json_lines(text, mistakes)
    rows: list[ManifestRow] = []
    lines: dict[str, int] = {}
    for line, values in given:
        row = _row(line, values, mistakes)
        if row is None:
            continue
        first = lines.setdefault(row.path, line)
        if first != line:
            mistakes.add(line, f"{row.path!r} is listed in line {first} already; each image once")
            continue
        rows.append(row)
    _check_together(rows, mistakes)
    mistakes.check()
    if not rows:
        raise UserError(f"{name}: it lists no images; it must have the columns path,identity[,group,split,impostor_of]")
    return rows


def _csv(name: str, text: str, mistakes: LineErrors) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [column.strip() for column in next(reader, [])]
        _check_columns(name, header)
        begin = reader.line_num
        for fields in reader:
            line, begin = begin + 1, reader.line_num  # a quoted field may hold line ends
            if not fields:
                continue
            if len(fields) != len(header):
                mistakes.add(line, f"{len(fields)} fields, but {len(header)} columns ({','.join(header)})")
                continue
            yield line, dict(zip(header, fields, strict=True))
    except csv.Error as error:
        raise UserError(f"{name} line {reader.line_num}: not CSV: {error}") from None


def _check_columns(name: str, header: list[str]) -> None:
    wanted = "it must have the columns path,identity[,group,split,impostor_of]"
    for column in header:
        if column not in COLUMNS:
            near = difflib.get_close_matches(column.lower(), COLUMNS, n=1)
            hint = f"did you mean {near[0]}?" if near else wanted
            raise UserError(f"{name} line 1: unknown column {column!r}; {hint}")
        if header.count(column) > 1:
            raise UserError(f"{name} line 1: the column {column!r} is there twice")
    for column in ("path", "identity"):
        if column not in header and not (column == "identity" and "impostor_of" in header):
            raise UserError(f"{name} line 1: the column {column!r} is missing; {wanted}")


def _json_lines(text: str, mistakes: LineErrors) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, content in enumerate(text.split("\n"), start=1):  # not splitlines: JSON holds U+2028 as it is
        if not content.strip():
            continue
        try:
            values = json.loads(content)
        except (json.JSONDecodeError, RecursionError) as error:
            what = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deep"
            mistakes.add(line, f"not JSON: {what}")
            continue
        if not isinstance(values, dict):
            mistakes.add(line, 'must be an object such as {"path": "a/1.png", "identity": "a"}')
            continue
        unknown = [key for key in values if key not in COLUMNS]
        if unknown:
            near = difflib.get_close_matches(unknown[0].lower(), COLUMNS, n=1)
            mistakes.add(line, f"unknown key {unknown[0]!r}; {f'did you mean {near[0]}?' if near else _allowed()}")
            continue
        yield line, values


def _allowed() -> str:
    return f"allowed: {', '.join(COLUMNS)}"


def _row(line: int, values: dict[str, Any], mistakes: LineErrors) -> ManifestRow | None:
    """One row, checked by itself; None where it is no use."""
    texts = {}
    for column in COLUMNS:
        value = values.get(column)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)  # identities are numbers to some
        if value is not None and not isinstance(value, str):
            mistakes.add(line, f"{column} must be text, not {json.dumps(value)[:40]}")
            return None
        texts[column] = (value or "").strip()
        if "\0" in texts[column] or not _is_text(texts[column]):
            mistakes.add(line, f"{column} holds a character that no name can have")
            return None
    fault = _fault(texts)
    if fault:
        mistakes.add(line, fault)
        return None
    return ManifestRow(line, **{**texts, "path": posixpath.normpath(texts["path"])})


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can write
        return False
    return True


def _fault(row: dict[str, str]) -> str:
    path = row["path"]
    if not path:
        return "path is empty"
    if path.startswith("/") or "://" in path or _DRIVE.match(path):
        return f"{path!r} is absolute; paths are relative to the manifest's folder"
    if ".." in path.split("/"):
        return f"{path!r} leaves the manifest's folder"
    if "\\" in path:
        return f"{path!r} has a backslash; write / between folders"
    if posixpath.normpath(path) == "." or path.endswith("/"):
        return f"{path!r} is a folder; list each image"
    if not row["identity"] and not row["impostor_of"]:
        return "identity is empty; say whom or what the image shows"
    if row["split"] and row["split"] not in SPLITS:
        near = difflib.get_close_matches(row["split"].lower(), SPLITS, n=1, cutoff=0.4)
        return f"split {row['split']!r} is unknown; {f'did you mean {near[0]}?' if near else 'train, val or test'}"
    if row["impostor_of"] and row["impostor_of"] == row["identity"]:
        return (
            f"impostor_of is the row's own identity {row['identity']!r}; in a forgery's row identity is who made it, "
            "or empty"
        )
    return ""


def _check_together(rows: list[ManifestRow], mistakes: LineErrors) -> None:
    groups: dict[str, ManifestRow] = {}
    for row in rows:
        if row.impostor_of:
            continue
        first = groups.setdefault(row.identity, row)
        if first.group != row.group:
            mistakes.add(
                row.line,
                f"{row.identity!r} is in the group {row.group!r}, but in line {first.line} in {first.group!r}; give "
                f"identities names of their own, e.g. {f'{row.group}/{row.identity}'!r}",
            )
    for row in rows:
        if row.impostor_of and row.impostor_of not in groups:
            near = difflib.get_close_matches(row.impostor_of, list(groups), n=1) if len(groups) < 10_000 else []
            hint = f"did you mean {near[0]!r}?" if near else "it must be the identity of another row"
            mistakes.add(row.line, f"impostor_of {row.impostor_of!r} is nobody; {hint}")
