"""A manifest: a list of images with their identities, CSV or JSON lines, beside the images."""

import difflib
import hashlib
import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.sources.part_names import EVAL, parts_among, split_named
from components.image_example_gen.sources.source import (
    FolderReader,
    Found,
    Listing,
    SetAside,
    count_identities,
    digest_of,
    has_suffix,
    register_source,
)
from components.storage.digests import Digests
from components.storage.folders import Folder, folder_and_name, read_file
from components.storage.image_walk import File
from components.storage.text_files import LineErrors, decode_text, header_of, one_text, read_csv
from models.addresses import is_address
from models.data.features import SPLITS
from models.errors import UserError

COLUMNS = ("path", "identity", "group", "split", "impostor_of")
MISSING = "missing"

_CODE = "data-manifest"
_EXPECTED = "it must have the columns path,identity[,group,split,impostor_of]"
_DRIVE = re.compile(r"[A-Za-z]:|\\\\")


class ManifestSource:
    """``path,identity[,group][,split][,impostor_of]``; paths are relative to the manifest's folder.

    A row with ``impostor_of`` is a forgery: its image pretends to show that identity. ``identity`` then names who made
    it, or is empty; either way it is nobody's genuine image, so that it gets an identity of its own.
    """

    shareable = True

    def __init__(self, folder: Folder, name: str, max_bytes: int | None = None) -> None:
        self._folder, self._name = folder, name
        self._max_bytes = max_bytes  # of a longer file, which is never read, only the beginning counts

    def list(self) -> Listing:
        rows = read_rows(self._address, read_file(self._address))
        files = self._files(rows)
        rows = _on_disk(rows, files)
        found: list[Found] = []
        set_aside: list[SetAside] = []
        errors = LineErrors(self._address, _CODE)
        for row in sorted(rows, key=lambda row: row.path):
            file = files.get(row.path)
            if file is None:
                set_aside.append(
                    SetAside(row.path, f"{MISSING}: no such file", 0, "" if row.impostor_of else row.identity)
                )
            elif self._folder.leads_out(file):
                errors.add(row.line, f"{row.path!r} is a link that leaves the manifest's folder")
            elif not file.regular:
                set_aside.append(SetAside(row.path, "not a regular file", 0, "" if row.impostor_of else row.identity))
            else:
                found.append(_found(row, file))
        errors.check()
        if not found:
            first = min(rows, key=lambda row: row.line)
            raise UserError(
                f"{self._address}: none of its {len(rows):,} images exists; line {first.line} would be "
                f"{self._folder.address}/{first.path}",
                code="data-no-images",
            )
        linked = sum(files[one.image_id].linked for one in found)
        return Listing(count_identities(found), set_aside, linked=linked, notes=_notes(rows))

    def fingerprint(self, digests: Digests | None = None) -> str:
        data = read_file(self._address)
        rows = read_rows(self._address, data)
        files = self._files(rows)
        paths = sorted(row.path for row in _on_disk(rows, files))
        known = [files[path] for path in paths if path in files]
        contents = (digests or Digests()).of(self._folder, known, self._max_bytes)
        facts = [(file.path, file.bytes, one) for file, one in zip(known, contents, strict=True)]
        missing = [(path,) for path in paths if path not in files]
        return digest_of([(hashlib.sha256(data).hexdigest(),), *facts, *missing])

    def reader(self) -> AbstractContextManager[FolderReader]:
        return nullcontext(FolderReader(self._folder))

    @property
    def _address(self) -> str:
        return posixpath.join(self._folder.address, self._name)

    def _files(self, rows: Iterable["ManifestRow"]) -> dict[str, File]:
        return {file.path: file for file in self._folder.named([row.path for row in rows])}  # hidden ones too


@register_source("a manifest (.csv, .jsonl or .ndjson)", has_suffix(".csv", ".jsonl", ".ndjson"))
def open_manifest(address: str, settings: IngestSettings) -> ManifestSource:
    """The images that a manifest lists; the settings' layout does not apply."""
    return ManifestSource(*folder_and_name(address), settings.max_bytes)


class ManifestRow(NamedTuple):
    """One row of a manifest, at ``line``; "" where a column is empty or absent."""

    line: int
    path: str
    identity: str
    group: str
    split: str
    impostor_of: str


def read_rows(name: str, data: bytes) -> list[ManifestRow]:
    """The rows of a manifest, in its order.

    Args:
      name: for messages; one that ends with .csv is CSV, any other JSON lines.

    Raises:
      UserError: which lines are wrong and what would be right.
    """
    text = decode_text(name, data)
    errors = LineErrors(name, _CODE)
    records: Iterable[tuple[int, dict[str, Any]]]
    if name.lower().endswith(".csv"):
        _check_columns(name, header_of(text))
        records = read_csv(text, errors)
    else:
        records = _json_lines(text, errors)
    rows: list[ManifestRow] = []
    lines: dict[str, int] = {}
    for line, values in records:
        row = _row(line, values, errors)
        if row is None:
            continue
        first = lines.setdefault(row.path, line)
        if first != line:
            errors.add(line, f"{row.path!r} is already in line {first}; list each image once")
            continue
        rows.append(row)
    _check_together(rows, errors)
    errors.check()
    if not rows:
        raise UserError(f"{name}: it lists no images; {_EXPECTED}", code="data-no-images")
    return rows


def _check_columns(name: str, header: list[str]) -> None:
    for column in header:
        if column not in COLUMNS:
            message = f"{name} line 1: unknown column {column!r}; {_did_you_mean(column, _EXPECTED)}"
            raise UserError(message, code=_CODE)
        if header.count(column) > 1:
            raise UserError(f"{name} line 1: the column {column!r} appears twice", code=_CODE)
    for column in ("path", "identity"):
        if column not in header and not (column == "identity" and "impostor_of" in header):
            raise UserError(f"{name} line 1: the column {column!r} is missing; {_EXPECTED}", code=_CODE)


def _did_you_mean(column: str, otherwise: str) -> str:
    near = difflib.get_close_matches(column.lower(), COLUMNS, n=1)
    return f"did you mean {near[0]}?" if near else otherwise


def _json_lines(text: str, errors: LineErrors) -> Iterator[tuple[int, dict[str, Any]]]:
    allowed = ", ".join(COLUMNS)
    for line, content in enumerate(text.split("\n"), start=1):  # not splitlines: JSON holds U+2028 as it is
        if not content.strip():
            continue
        try:
            values = json.loads(content, object_pairs_hook=_each_once)
        except (ValueError, RecursionError) as error:
            what = getattr(error, "msg", str(error)) if isinstance(error, ValueError) else "nested too deep"
            errors.add(line, f"not JSON: {what}")
            continue
        if not isinstance(values, dict):
            errors.add(line, 'must be an object such as {"path": "a/1.png", "identity": "a"}')
            continue
        unknown = [key for key in values if key not in COLUMNS]
        if unknown:
            errors.add(line, f"unknown key {unknown[0]!r}; {_did_you_mean(unknown[0], f'allowed: {allowed}')}")
            continue
        yield line, values


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a key appears twice")
    return content


def _row(line: int, values: dict[str, Any], errors: LineErrors) -> ManifestRow | None:
    """One row, checked by itself; None where it cannot be used."""
    texts = {}
    for column in COLUMNS:
        value = values.get(column)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)  # identities are numbers to some
        if value is not None and not isinstance(value, str):
            errors.add(line, f"{column} must be text, not {json.dumps(value)[:40]}")
            return None
        texts[column] = (value or "").strip()
        if column != "path":
            texts[column] = one_text(texts[column])
        if "\0" in texts[column] or not _is_text(texts[column]):
            errors.add(line, f"{column} holds a character that no name can have")
            return None
    problem = _problem(texts)
    if problem:
        errors.add(line, problem)
        return None
    texts["split"] = split_named(texts["split"])
    return ManifestRow(line, **{**texts, "path": posixpath.normpath(texts["path"])})


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can write
        return False
    return True


def _problem(row: dict[str, str]) -> str:
    path = row["path"]
    if not path:
        return "path is empty"
    if path.startswith("/") or is_address(path) or _DRIVE.match(path):
        return f"{path!r} is absolute; paths are relative to the manifest's folder"
    if ".." in path.split("/"):
        return f"{path!r} leaves the manifest's folder"
    if "\\" in path:
        return f"{path!r} has a backslash; write / between folders"
    if posixpath.normpath(path) == "." or path.endswith("/"):
        return f"{path!r} is a folder; list each image"
    if not row["identity"] and not row["impostor_of"]:
        return "identity is empty; name whom or what the image shows"
    if row["split"] and not split_named(row["split"]):
        near = difflib.get_close_matches(row["split"].lower(), SPLITS, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else f"write {', '.join(SPLITS[:-1])} or {SPLITS[-1]}"
        return f"split {row['split']!r} is unknown; {hint}"
    if row["impostor_of"] and row["impostor_of"] == row["identity"]:
        return (
            f"impostor_of is the row's own identity {row['identity']!r}; in a forgery's row identity is who made it, "
            "or empty"
        )
    return ""


def _check_together(rows: list[ManifestRow], errors: LineErrors) -> None:
    groups: dict[str, ManifestRow] = {}
    for row in rows:
        if row.impostor_of:
            continue
        first = groups.setdefault(row.identity, row)
        if first.group != row.group:
            errors.add(
                row.line,
                f"{row.identity!r} is in the group {row.group!r}, but in line {first.line} in {first.group!r}; give "
                f"identities names of their own, e.g. {f'{row.group}/{row.identity}'!r}",
            )
    for row in rows:
        if row.impostor_of and row.impostor_of not in groups:
            near = difflib.get_close_matches(row.impostor_of, list(groups), n=1) if len(groups) < 10_000 else []
            hint = f"did you mean {near[0]!r}?" if near else "it must be the identity of another row"
            errors.add(row.line, f"impostor_of {row.impostor_of!r} is nobody; {hint}")


def _notes(rows: list[ManifestRow]) -> tuple[str, ...]:
    """Says that folders named after splits mean nothing here."""
    tops = {row.path.partition("/")[0] for row in rows if "/" in row.path}
    splits = {name: part for name, part in parts_among(tops).items() if part in (*SPLITS, EVAL)}
    if any(row.split for row in rows) or len(set(splits.values())) < 2:
        return ()
    names = " and ".join(sorted(splits))
    return (f"the folders {names} are not taken as splits: a manifest gives them in its column split",)


def _on_disk(rows: list[ManifestRow], files: Mapping[str, File]) -> list[ManifestRow]:
    """The rows, each with its path as the file system writes the same text."""
    missing = {one_text(row.path) for row in rows if row.path not in files}
    listed = {row.path for row in rows}
    others = {text: path for path in files if (text := one_text(path)) in missing and path not in listed}
    return [row if row.path in files else row._replace(path=others.pop(one_text(row.path), row.path)) for row in rows]


def _found(row: ManifestRow, file: File) -> Found:
    identity = row.identity
    if row.impostor_of:
        identity = f"{row.impostor_of} forged{f' by {row.identity}' if row.identity else ''}: {row.path}"
    return Found(row.path, identity, row.group, row.split, row.impostor_of, bytes=file.bytes)
