"""The files of a SavedModel, in a folder or in an object store, and their digests."""

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Protocol

from pydantic import ValidationError

from models.export.manifest import FILE as MANIFEST
from models.export.manifest import ModelManifest

# A model server loads a version only if it has one of them.
SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt")

# Within a version; written by the run that pushed it, and not part of the model.
CARD = "assets.extra/model_card.md"

_CHUNK = 1 << 20


class ModelFiles(Protocol):
    """Files by their names relative to the model, with ``/`` between the parts."""

    def sizes(self) -> dict[str, int]:
        """Bytes by name, sorted by name; empty if there are no files."""

    def open(self, name: str) -> BinaryIO:
        """Opens a file for reading; raises ``FileNotFoundError``."""


class FolderFiles:
    """A SavedModel in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def sizes(self) -> dict[str, int]:
        paths = (Path(at) / name for at, _, names in os.walk(self.folder, followlinks=True) for name in names)
        return dict(sorted((path.relative_to(self.folder).as_posix(), path.stat().st_size) for path in paths))

    def open(self, name: str) -> BinaryIO:
        return (self.folder / name).open("rb")


class ExtendedFiles:
    """The files of a model, with additional files."""

    def __init__(self, model: ModelFiles, extra: Mapping[str, Path]) -> None:
        self._model, self._extra = model, extra

    def sizes(self) -> dict[str, int]:
        return self._model.sizes() | {name: path.stat().st_size for name, path in self._extra.items()}

    def open(self, name: str) -> BinaryIO:
        return self._extra[name].open("rb") if name in self._extra else self._model.open(name)


def is_saved_model(files: ModelFiles) -> bool:
    """Whether a model server would load it."""
    return any(name in SAVED_MODEL for name in files.sizes())


def file_digests(files: ModelFiles) -> dict[str, str]:
    """SHA-256 by name."""
    return {name: _sha256(files, name) for name in files.sizes()}


def model_digest(files: ModelFiles) -> str:
    """The ``model_digest`` in the manifest; of a model of another tool, a digest of its files."""
    try:
        with files.open(MANIFEST.as_posix()) as file:
            return ModelManifest.model_validate_json(file.read()).model_digest
    except (FileNotFoundError, ValidationError):  # no manifest, one of another project, or a damaged one
        lines = (f"{name}\0{digest}\n" for name, digest in file_digests(files).items() if name != CARD)
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def link_or_copy(source: Path | str, target: Path | str) -> None:
    """Copies a model that will not change, by hard links if the file system supports them."""
    for name in FolderFiles(Path(source)).sizes():
        original, copy = Path(source) / name, Path(target) / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.unlink(missing_ok=True)  # never write through an existing link
        try:
            os.link(original.resolve(), copy)
        except OSError:
            shutil.copyfile(original, copy)


def chunks(file: BinaryIO) -> Iterator[bytes]:
    """The rest of a file in chunks of a mebibyte."""
    while chunk := file.read(_CHUNK):
        yield chunk


def _sha256(files: ModelFiles, name: str) -> str:
    sha = hashlib.sha256()
    with files.open(name) as file:
        for chunk in chunks(file):
            sha.update(chunk)
    return sha.hexdigest()
