"""Checksums of the files below a folder, written when they are complete: whether they still are what was written.

They are of every byte: a flipped bit changes neither the size nor the times of a file. CRC-32C costs no more than
reading does.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import google_crc32c

MODEL_FILE = Path("assets.extra") / "checksums.json"  # within a SavedModel, of all its other files
_BLOCK = 1 << 20


class PartFile(NamedTuple):
    """A file of a folder."""

    name: str  # within the folder
    bytes: int
    crc32c: str  # CRC-32C of its content, eight hex digits


def checksum(name: str, blocks: Iterable[bytes]) -> PartFile:
    """The entry of a file."""
    size, crc = 0, google_crc32c.Checksum()
    for block in blocks:
        size += len(block)
        crc.update(block)
    return PartFile(name, size, crc.hexdigest().decode())


def checksums(folder: Path, without: Path | None = None) -> dict[str, PartFile]:
    """The files below a folder, by name; a file itself is ".".

    Args:
      folder: or file.
      without: a file below it that does not count.
    """
    return {name: _file(folder, name) for name in _names(folder) if without is None or folder / name != without}


def write_checksums(folder: Path, path: Path) -> None:
    """Writes the checksums of a folder that is complete into the file ``path``, which may be one of the folder."""
    staging = path.with_name(f".{path.name}")
    staging.write_text(_text(checksums(folder, path)), encoding="utf-8")
    staging.replace(path)


def model_damage(model: Path) -> str | None:
    """How a SavedModel differs from what the Trainer exported; None if it does not, or is older than its checksums.

    A push adds files.
    """
    return damage(model, model / MODEL_FILE, may_grow=True) if os.path.lexists(model / MODEL_FILE) else None


def damage(folder: Path, path: Path, may_grow: bool = False) -> str | None:
    """How a folder differs from the checksums in ``path``: the first file that does, and how; None if none does.

    Args:
      folder: or file.
      path: where its checksums lie.
      may_grow: added files are no damage.
    """
    try:
        declared = _declared(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return f"{path}: is missing"
    except (OSError, LookupError, ValueError, TypeError, AttributeError):
        return f"{path}: is damaged"
    found = {name for name in _names(folder) if folder / name != path}
    for name, expected in declared.items():
        if name not in found:
            return f"{folder / name}: is missing"
        try:
            if (size := (folder / name).stat().st_size) != expected.bytes:
                return f"{folder / name}: has {size} bytes, had {expected.bytes}"
            if _file(folder, name) != expected:
                return f"{folder / name}: has changed"
        except OSError as error:
            return f"{folder / name}: cannot be read: {error.strerror}"
    if may_grow:
        return None
    # A hidden file that a file manager has left is no part of a folder, and nothing reads it.
    added = sorted(name for name in found - declared.keys() if not Path(name).name.startswith("."))
    return f"{folder / added[0]}: was added" if added else None


def _text(declared: Mapping[str, PartFile]) -> str:
    files = {name: one._asdict() for name, one in declared.items()}
    own = checksum("", [json.dumps(files).encode()]).crc32c
    return json.dumps({"files": files, "crc32c": own}, indent=1) + "\n"


def _declared(text: str) -> dict[str, PartFile]:
    """The checksums that a text holds.

    Raises:
      LookupError, ValueError, TypeError or AttributeError: it is not as it was written.
    """
    declared = {name: PartFile(**one) for name, one in json.loads(text)["files"].items()}
    if text != _text(declared):
        raise ValueError("the checksums differ from their own")
    return declared


def _names(folder: Path) -> Iterator[str]:
    if folder.is_file():
        yield "."
    for at, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            yield os.path.relpath(os.path.join(at, name), folder)  # noqa: PTH118 - of many files


def _file(folder: Path, name: str) -> PartFile:
    with (folder / name).open("rb") as file:
        return checksum(name, iter(lambda: file.read(_BLOCK), b""))
