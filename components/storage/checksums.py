"""Checksums of the files of an artifact, in a hidden folder of its component: whether it still is what was written.

They are of every byte and are compared each time that a later run takes the artifact from the cache: a flipped bit
changes neither the size nor the times of a file. CRC-32C costs no more than reading does.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from models.data.pairs_artifact import PartFile, checksum

_BLOCK = 1 << 20


def checksums_file(artifact: Path) -> Path:
    """Where the checksums of ``<component>/<output>/<id>`` lie.

    Not within it, as TFX counts the files of some artifacts, and not beside it, where only artifacts are listed.
    """
    return artifact.parents[1] / ".checksums" / f"{artifact.parent.name}-{artifact.name}.json"


def write_checksums(artifact: Path) -> None:
    """Writes the checksums of an artifact that is complete."""
    path = checksums_file(artifact)
    path.parent.mkdir(exist_ok=True)
    staging = path.with_name(f".{path.name}")
    found = {name: _file(artifact, name)._asdict() for name in _names(artifact)}
    staging.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    staging.replace(path)


def damage(artifact: Path) -> str | None:
    """How an artifact differs from its checksums: the first file that does, and how; None if none does."""
    path = checksums_file(artifact)
    try:
        declared = {name: PartFile(**one) for name, one in json.loads(path.read_text(encoding="utf-8")).items()}
    except FileNotFoundError:
        return f"{path}: is missing"
    except (OSError, ValueError, TypeError, AttributeError):
        return f"{path}: is damaged"
    found = set(_names(artifact))
    for name, expected in declared.items():
        if name not in found:
            return f"{artifact / name}: is missing"
        try:
            if (size := (artifact / name).stat().st_size) != expected.bytes:
                return f"{artifact / name}: has {size} bytes, had {expected.bytes}"
            if _file(artifact, name) != expected:
                return f"{artifact / name}: has changed"
        except OSError as error:
            return f"{artifact / name}: cannot be read: {error.strerror}"
    # A hidden file that a file manager has left is no part of an artifact, and nothing reads it.
    added = sorted(name for name in found - declared.keys() if not Path(name).name.startswith("."))
    return f"{artifact / added[0]}: was added" if added else None


def _names(artifact: Path) -> Iterator[str]:
    """The files of an artifact, which may be a file itself: "."."""
    if artifact.is_file():
        yield "."
    for folder, folders, files in os.walk(artifact):
        folders.sort()
        for name in sorted(files):
            yield os.path.relpath(os.path.join(folder, name), artifact)  # noqa: PTH118 - of many files


def _file(artifact: Path, name: str) -> PartFile:
    with (artifact / name).open("rb") as file:
        return checksum(name, iter(lambda: file.read(_BLOCK), b""))
