"""Where files lie: a folder of this machine, or of any store that Beam's file systems read. Lists them, opens them."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

from models.errors import UserError, first_line

_EXTRAS = {"gs": "gs", "s3": "s3"}  # what of this project's extras reads a scheme


class File(NamedTuple):
    """One file of a place.

    Attributes:
      path: relative to the place, POSIX.
      bytes: its length.
      changed: other whenever the file was written anew or given other rights.
      regular: whether it can be read as a file at all.
      linked: whether a link is on the way to it.
    """

    path: str
    bytes: int
    changed: str = ""
    regular: bool = True
    linked: bool = False


class Place(Protocol):
    """A folder somewhere. Picklable."""

    address: str

    def files(self) -> list[File]:
        """All files below, sorted by path, but for hidden ones.

        Raises:
          UserError: there is no such folder, or it may not be read.
        """

    def folders(self) -> list[str]:
        """The names of the folders and files that lie directly in it, sorted; none where there is no such folder."""

    def file(self, path: str) -> File:
        """What is known of one file, without a look at the others.

        Raises:
          OSError: there is none, or it may not be seen.
          UserError: the store cannot be read.
        """

    def open(self, path: str) -> BinaryIO:
        """Opens a file for reading; it can be sought in.

        Raises:
          OSError: it cannot be read.
        """

    def leaves(self, file: File) -> bool:
        """Whether the links on the way to a file lead out of the place."""


def place_of(address: str) -> Place:
    """The place at an address: a path of this machine, or ``scheme://...``."""
    return RemotePlace(address.rstrip("/")) if "://" in address else LocalPlace(address)


def place_and_name(address: str) -> tuple[Place, str]:
    """The place that a file lies in, and its name there."""
    folder, slash, name = address.rpartition("/")
    return place_of(folder or slash or "."), name


class LocalPlace:
    """A folder of this machine. Links are followed, but not in circles."""

    def __init__(self, address: str) -> None:
        self.address = address

    def files(self) -> list[File]:
        folder = Path(self.address)
        if not folder.is_dir():
            raise UserError(f"{self.address}: {'not a folder' if folder.exists() else 'no such folder'}")
        try:
            return sorted(_walk(folder, "", frozenset(), False))
        except PermissionError as error:
            raise UserError(f"{error.filename}: may not be read (permission denied)") from None

    def folders(self) -> list[str]:
        try:
            return sorted(one.name for one in Path(self.address).iterdir() if not one.name.startswith("."))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise UserError(f"{self.address}: cannot be read: {error.strerror}") from None

    def file(self, path: str) -> File:
        file = Path(self.address, path)
        return _file(path, file.stat(), file.is_symlink())

    def open(self, path: str) -> BinaryIO:
        return Path(self.address, path).open("rb")

    def leaves(self, file: File) -> bool:
        return file.linked and not Path(self.address, file.path).resolve().is_relative_to(Path(self.address).resolve())


class RemotePlace:
    """A folder of a store that Beam's file systems read."""

    def __init__(self, address: str) -> None:
        self.address = address

    def files(self) -> list[File]:
        found = self._match("/**")
        if not found:
            raise UserError(f"{self.address}: no such folder, or nothing lies in it")
        files = [self._file(one) for one in found]
        return sorted(file for file in files if file.path and not _hidden(file.path) and not file.path.endswith("/"))

    def folders(self) -> list[str]:
        start = len(self.address) + 1
        return sorted({one.path[start:].partition("/")[0] for one in self._match("/**")} - {""})

    def file(self, path: str) -> File:
        for one in self._match(f"/{path}"):
            if one.path == f"{self.address}/{path}":
                return self._file(one)
        raise FileNotFoundError(errno.ENOENT, "no such file")

    def open(self, path: str) -> BinaryIO:
        from apache_beam.io.filesystem import CompressionTypes
        from apache_beam.io.filesystems import FileSystems

        file: BinaryIO = FileSystems.open(f"{self.address}/{path}", compression_type=CompressionTypes.UNCOMPRESSED)
        return file

    def leaves(self, file: File) -> bool:
        return file.linked  # there are no links

    def _file(self, one: Any) -> File:
        return File(one.path[len(self.address) + 1 :], one.size_in_bytes, str(one.last_updated_in_seconds))

    def _match(self, pattern: str) -> list[Any]:
        from apache_beam.io.filesystems import FileSystems

        try:
            found: list[Any] = FileSystems.match([self.address + pattern])[0].metadata_list
        except Exception as error:  # each store raises its own: no rights, no network, no such bucket, no library
            extra = _EXTRAS.get(self.address.partition("://")[0])
            hint = f" (it needs siamese-pipeline[{extra}] and your credentials)" if extra else ""
            raise UserError(f"{self.address}: cannot be listed: {first_line(error)}{hint}") from error
        return found


def _walk(folder: Path, prefix: str, above: frozenset[tuple[int, int]], linked: bool) -> Iterator[File]:
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:  # a link to a folder that it lies in
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path, link = prefix + entry.name, linked or entry.is_symlink()
            if entry.is_dir():
                yield from _walk(folder / entry.name, path + "/", above | {here}, link)
                continue
            try:
                status = entry.stat()
            except OSError:  # a link to nowhere
                yield File(path, 0, regular=False, linked=link)
            else:
                yield _file(path, status, link)


def _file(path: str, status: os.stat_result, linked: bool) -> File:
    changed = f"{status.st_mtime_ns} {status.st_mode}"
    return File(path, status.st_size, changed, stat.S_ISREG(status.st_mode), linked)


def _hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))
