"""What versions of a serving folder are stored as: the files of a SavedModel, and the storage of many; its errors."""

import contextlib
import errno
import hashlib
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol

from pydantic import ValidationError

from components.storage.object_stores import explained, fault_of
from models.addresses import is_address
from models.errors import UserError
from models.export.manifest import FILE as MANIFEST
from models.export.manifest import ModelManifest

# A model server loads a version only if it has one of them.
SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt")

# Within a version; written by the run that pushed it, and not part of the model.
CARD = "assets.extra/model_card.md"

CHUNK = 1 << 20  # bytes of a file in memory

HISTORY = ".history"
HIGHEST = 2**63 - 1  # TensorFlow Serving reads versions as int64

_FULL = (errno.ENOSPC, errno.EDQUOT)
_CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM)
_STORE_CODES = {"credentials": "model-no-credentials", "denied": "model-not-writable"}


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


def file_digests(files: ModelFiles, names: Iterable[str] | None = None) -> dict[str, str]:
    """SHA-256 by name, of all files or of those with these names."""
    return {name: _sha256(files, name) for name in (files.sizes() if names is None else names)}


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


class ServingStorage(ABC):
    """Versions ``<address>/<integer>/``, of which the highest complete one serves, and the records of the history.

    Attributes:
      address: a path, or a URL such as ``gs://bucket/serving``.
    """

    address: str

    @abstractmethod
    def numbers(self) -> set[int]:
        """Every version number in use, complete or not."""

    @abstractmethod
    def is_complete(self, version: int) -> bool:
        """Whether a server would load it."""

    @abstractmethod
    def files(self, version: int) -> ModelFiles:
        """The files of a version."""

    @abstractmethod
    def lock(self) -> AbstractContextManager[bool]:
        """Waits for other writers; yields False where there are no locks (some mounts, object stores)."""

    @abstractmethod
    def create(self) -> None:
        """Creates the folder if it does not exist."""

    @abstractmethod
    def check_space(self, needed: int) -> None:
        """Raises ``UserError`` if ``needed`` bytes do not fit."""

    @abstractmethod
    def clean(self, abandoned: Collection[int], locked: bool) -> None:
        """Removes what killed writers left behind: staging folders, and the files of ``abandoned`` versions."""

    @abstractmethod
    def put(self, source: ModelFiles, digests: Mapping[str, str], claim: Callable[[], int]) -> int:
        """Adds ``source`` atomically as a version, under the number that ``claim`` reserves."""

    @abstractmethod
    def remove(self, version: int) -> None:
        """Removes a version atomically."""

    @abstractmethod
    def fetch(self, version: int, target: Path) -> None:
        """Copies a version's files into a local folder."""

    @abstractmethod
    def records(self) -> dict[str, bytes]:
        """The records of the history: name -> content."""

    @abstractmethod
    def record_names(self) -> set[str]:
        """The names of the records."""

    @abstractmethod
    def add_record(self, name: str, content: bytes) -> bool:
        """Adds a record; returns False if the name is taken. Existing records never change."""

    def versions(self) -> list[int]:
        """The complete versions, ascending."""
        return sorted(number for number in self.numbers() if self.is_complete(number))

    def version_address(self, version: int) -> str:
        """The path or URL of a version."""
        return f"{self.address.rstrip('/')}/{version}"


def version_numbers(names: Collection[str]) -> set[int]:
    """The names that a model server takes as version numbers."""
    return {int(name) for name in names if name.isascii() and name.isdecimal() and int(name) <= HIGHEST}


@contextlib.contextmanager
def user_errors(address: str, doing: str = "written to") -> Iterator[None]:
    """Raises ``UserError`` for a full or read-only disk, and for a store that is missing, denied or does not answer."""
    try:
        yield
    except Exception as error:
        found = _explained(address, doing, error)
        if found is None:
            raise
        code, message = found
        message += "; what served before still serves" if doing == "written to" else ""
        raise UserError(message, code) from error


def _explained(address: str, doing: str, error: Exception) -> tuple[str, str] | None:
    """(code, message) of an error that the user can fix."""
    if is_address(address):
        return _explained_of_store(address, error)
    if not isinstance(error, OSError):
        return None
    reason = " ".join(str(error.strerror or error).split())[:300]
    if error.errno in _FULL:
        if doing == "read":
            return None  # of the disk that a copy goes to
        return "model-disk-full", f"{address}: no space left on the disk; free some, or set push.serving_dir elsewhere"
    if error.filename is not None and not str(error.filename).startswith(address):
        return None  # of the model, not of the serving folder
    if error.errno in _CLOSED or isinstance(error, PermissionError):
        right = "give this user the right, or set push.serving_dir elsewhere"
        return "model-not-writable", f"{address}: cannot be {doing} ({reason}); {right}"
    return None


def _explained_of_store(address: str, error: Exception) -> tuple[str, str] | None:
    fault = fault_of(error)
    if fault is None or (isinstance(error, OSError) and error.filename is not None):
        return None  # of the model or its copy, on this machine
    return _STORE_CODES.get(fault.kind, "model-unreachable"), explained(address, fault)


def _sha256(files: ModelFiles, name: str) -> str:
    sha = hashlib.sha256()
    with files.open(name) as file:
        for chunk in iter(lambda: file.read(CHUNK), b""):
            sha.update(chunk)
    return sha.hexdigest()
