"""The files of a SavedModel, in a folder or in an object store, and what tells two models apart."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Protocol

from pydantic import ValidationError

from models.export.manifest import FILE as MANIFEST
from models.export.manifest import ModelManifest

# What a model server looks for: a version without one of them is no version.
SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt")

# Lies within a version, tells of the run that made it, and is no part of the model.
CARD = "assets.extra/model_card.md"

_CHUNK = 1 << 20


class ModelFiles(Protocol):
    """Files by their names relative to the model, with ``/`` between the parts."""

    def sizes(self) -> dict[str, int]:
        """Bytes by name, in the order of the names; empty where there is nothing."""

    def open(self, name: str) -> BinaryIO:
        """Opens a file to be read; ``FileNotFoundError`` where there is none."""


class FolderFiles:
    """A SavedModel in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def sizes(self) -> dict[str, int]:
        paths = (Path(at) / name for at, _, names in os.walk(self.folder, followlinks=True) for name in names)
        return dict(sorted((path.relative_to(self.folder).as_posix(), path.stat().st_size) for path in paths))

    def open(self, name: str) -> BinaryIO:
        return (self.folder / name).open("rb")


class FilesBeside:
    """The files of a model, and more beside them."""

    def __init__(self, model: ModelFiles, beside: Mapping[str, Path]) -> None:
        self._model, self._beside = model, beside

    def sizes(self) -> dict[str, int]:
        return self._model.sizes() | {name: path.stat().st_size for name, path in self._beside.items()}

    def open(self, name: str) -> BinaryIO:
        return self._beside[name].open("rb") if name in self._beside else self._model.open(name)


def is_saved_model(files: ModelFiles) -> bool:
    """Whether a server would take it for a model."""
    return any(name in SAVED_MODEL for name in files.sizes())


def file_digests(files: ModelFiles) -> dict[str, str]:
    """SHA-256 by name."""
    return {name: _sha256(files, name) for name in files.sizes()}


def model_digest(files: ModelFiles) -> str:
    """The ``model_digest`` of a model of this pipeline; for any other one, a digest of its files."""
    try:
        with files.open(MANIFEST.as_posix()) as file:
            return ModelManifest.model_validate_json(file.read()).model_digest
    except (FileNotFoundError, ValidationError):  # none, another project's, or damaged
        lines = (f"{name}\0{digest}\n" for name, digest in file_digests(files).items() if name != CARD)
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def chunks(file: BinaryIO) -> Iterator[bytes]:
    """What is left of a file, a mebibyte at a time."""
    while chunk := file.read(_CHUNK):
        yield chunk


def _sha256(files: ModelFiles, name: str) -> str:
    sha = hashlib.sha256()
    with files.open(name) as file:
        for chunk in chunks(file):
            sha.update(chunk)
    return sha.hexdigest()
