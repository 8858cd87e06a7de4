"""What a serving folder must be able to do, on a mounted file system or in an object store."""

import contextlib
import errno
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from components.serving_folder.model_files import ModelFiles
from models.errors import UserError

HISTORY = ".history"
HIGHEST = 2**63 - 1  # TensorFlow Serving reads versions as int64

_FULL = (errno.ENOSPC, errno.EDQUOT)
_CLOSED = (errno.EROFS, errno.EACCES, errno.EPERM)


class ServingPlace(ABC):
    """Versions ``<address>/<integer>/``, of which the highest complete one serves, and a history beside them.

    Attributes:
      address: a path or an address such as ``gs://bucket/serving``.
    """

    address: str

    @abstractmethod
    def numbers(self) -> set[int]:
        """Every version number that is taken, complete or not."""

    @abstractmethod
    def is_complete(self, version: int) -> bool:
        """Whether a server would load it."""

    @abstractmethod
    def files(self, version: int) -> ModelFiles:
        """The files of a version."""

    @abstractmethod
    def alone(self) -> AbstractContextManager[bool]:
        """One writer at a time; yields whether that is so. It is not on mounts without locks, nor in object stores."""

    @abstractmethod
    def make(self) -> None:
        """Makes the place where there is none."""

    @abstractmethod
    def check_room(self, needed: int) -> None:
        """``UserError`` where so many bytes do not fit."""

    @abstractmethod
    def clean(self, dead: Collection[int], alone: bool) -> None:
        """Removes what killed writers left: staging, and the files of the ``dead`` numbers that never became whole."""

    @abstractmethod
    def put(self, source: ModelFiles, digests: Mapping[str, str], claim: Callable[[], int]) -> int:
        """Makes a version of ``source``, whole or not at all, under the number that ``claim`` reserves."""

    @abstractmethod
    def remove(self, version: int) -> None:
        """Removes a version; at no moment is a part of it a version."""

    @abstractmethod
    def fetch(self, version: int, target: Path) -> None:
        """Brings a version's files into a local folder."""

    @abstractmethod
    def records(self) -> dict[str, bytes]:
        """The history: contents by name."""

    @abstractmethod
    def record_names(self) -> set[str]:
        """The names of the history's records."""

    @abstractmethod
    def add_record(self, name: str, content: bytes) -> bool:
        """Adds to the history; false where the name is taken. What is there is never changed."""

    def versions(self) -> list[int]:
        """The complete versions, ascending."""
        return sorted(number for number in self.numbers() if self.is_complete(number))

    def version_address(self, version: int) -> str:
        """Where a version is."""
        return f"{self.address.rstrip('/')}/{version}"


def version_numbers(names: Collection[str]) -> set[int]:
    """The names that are version numbers to a server."""
    return {int(name) for name in names if name.isascii() and name.isdecimal() and int(name) <= HIGHEST}


@contextlib.contextmanager
def told(address: str, doing: str = "written to") -> Iterator[None]:
    """Turns a full or closed disk, a missing bucket and missing credentials into one clear line."""
    try:
        yield
    except Exception as error:
        line = _line(address, doing, error)
        if line is None:
            raise
        raise UserError(f"{line}; what served before still serves" if doing == "written to" else line) from error


def _line(address: str, doing: str, error: Exception) -> str | None:
    reason = " ".join(str(getattr(error, "strerror", None) or error).split())[:300]
    if "Credentials" in type(error).__name__:  # each store's own class
        return f"{address}: no credentials for it: {reason}"
    if not isinstance(error, OSError):
        return None
    if error.errno in _FULL:
        return f"{address}: no space left on the disk; free some, or set push.serving_dir elsewhere"
    if error.filename is not None and not str(error.filename).startswith(address):
        return None  # of the model, not of the serving folder
    if error.errno in _CLOSED or isinstance(error, PermissionError):
        return f"{address}: cannot be {doing} ({reason}); give this user the right, or set push.serving_dir elsewhere"
    if "://" in address and isinstance(error, FileNotFoundError):
        return f"{address}: cannot be {doing}: {reason or 'there is no such bucket'}"
    return None
