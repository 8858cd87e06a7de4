"""Folders of this machine, of an object store, or of what else Beam's file systems read: their files, opened."""

import errno
import glob
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from components.storage.image_walk import File, is_skipped, local_file, printable, walk, why_not_an_image
from components.storage.named_files import NamedFiles
from components.storage.object_stores import EXTRAS
from components.storage.skips import Skips
from components.storage.store_folder import StoreFolder
from components.storage.text_files import one_text
from models.addresses import is_address
from models.data.image_formats import MAGIC_BYTES
from models.errors import UserError, first_line
from models.user_files import MOST_BYTES, open_regular, read_bytes, shown

_BLOCK = 1 << 20


class Folder(Protocol):
    """A folder somewhere. Picklable."""

    address: str

    def files(self, skips: Skips | None = None) -> list[File]:
        """All files below that are not passed over, sorted by path; ``skips`` counts what is.

        Raises:
          UserError: there is no such folder, or it may not be read.
        """

    def names(self) -> list[str]:
        """The names of the folders and files that lie directly in it, sorted; none where there is no such folder."""

    def file(self, path: str) -> File:
        """What is known of one file, without a look at the others.

        Raises:
          OSError: there is none, or it may not be seen.
          UserError: the store cannot be read.
        """

    def named(self, paths: Iterable[str]) -> list[File]:
        """The files at some paths, or at the same paths in another normal form of Unicode, sorted by path.

        Raises:
          UserError: the folder cannot be read there.
        """

    def open(self, path: str) -> BinaryIO:
        """Opens a file for reading; it can be sought in.

        Raises:
          OSError: it cannot be read.
        """

    def digest(self, file: File, longest: int | None = None) -> str:
        """Another text whenever the content of a file is another one.

        Args:
          longest: only the beginning of a longer file counts.

        Raises:
          OSError: it cannot be read.
        """

    def leads_out(self, file: File) -> bool:
        """Whether the links on the way to a file lead out of the folder."""


def open_folder(address: str) -> Folder:
    """The folder at an address: a path of this machine, or ``scheme://...``."""
    if not is_address(address):
        return LocalFolder(address)
    in_store = address.partition("://")[0] in EXTRAS
    return StoreFolder(address.rstrip("/")) if in_store else RemoteFolder(address.rstrip("/"))


def folder_and_name(address: str) -> tuple[Folder, str]:
    """The folder that a file lies in, and its name there."""
    folder, slash, name = address.rpartition("/")
    return open_folder(folder or slash or "."), name


def read_file(address: str) -> bytes:
    """The content of a file, local or in a store.

    Raises:
      UserError: it cannot be read.
    """
    try:
        if not is_address(address):
            return read_bytes(address)
        folder, name = folder_and_name(address)
        with folder.open(name) as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, MemoryError) as error:
        raise UserError(
            f"{shown(address)}: cannot be read: {getattr(error, 'strerror', None) or first_line(error)}",
            code="data-unreadable",
        ) from None
    if len(content) > MOST_BYTES:
        raise UserError(f"{shown(address)}: longer than {MOST_BYTES:,} bytes", code="data-unreadable")
    return content


def find_images(folder: Folder, skips: Skips | None = None) -> tuple[list[File], list[tuple[File, str]]]:
    """The images below a folder, sorted by path, and the other files with the reason why each is not one.

    Args:
      skips: counts what is passed over.

    Raises:
      UserError: there is no such folder, or it may not be read.
    """
    images: list[File] = []
    others: list[tuple[File, str]] = []
    for file in folder.files(skips):
        reason = why_not_an_image(file, beginning_of(folder, file))
        if reason:
            others.append((file, reason))
        else:
            images.append(file)
    return images, others


def beginning_of(folder: Folder, file: File) -> Callable[[], bytes]:
    """Reads the first bytes of a file; raises OSError where it cannot be read."""

    def read() -> bytes:
        with folder.open(file.path) as opened:
            return opened.read(MAGIC_BYTES)

    return read


@contextmanager
def _user_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = "may not be read (permission denied)" if isinstance(error, PermissionError) else error.strerror
        raise UserError(f"{printable(str(error.filename))}: {why}", code="data-unreadable") from None


class LocalFolder:
    """A folder of this machine."""

    def __init__(self, address: str) -> None:
        self.address = address

    def files(self, skips: Skips | None = None) -> list[File]:
        folder = Path(self.address)
        if not folder.is_dir():
            problem = "not a folder" if folder.exists() else "no such folder"
            raise UserError(f"{self.address}: {problem}", code="data-folder-missing")
        if folder.resolve() == Path("/"):
            message = f"{self.address}: is the root of all files; is a variable of the shell not set?"
            raise UserError(message, code="data-folder-missing")
        with _user_errors():
            return sorted(walk(folder, skips or Skips()))

    def names(self) -> list[str]:
        try:
            return sorted(one.name for one in Path(self.address).iterdir() if not is_skipped(one.name))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise UserError(f"{self.address}: cannot be read: {error.strerror}", code="data-unreadable") from None

    def file(self, path: str) -> File:
        file = Path(self.address, path)
        return local_file(path, file.stat(), file.is_symlink())

    def named(self, paths: Iterable[str]) -> list[File]:
        with _user_errors():
            return NamedFiles(self.address).find(paths)

    def open(self, path: str) -> BinaryIO:
        return open_regular(os.path.join(self.address, path))  # noqa: PTH118 - of many files

    def digest(self, file: File, longest: int | None = None) -> str:
        digest = hashlib.sha256()
        with self.open(file.path) as opened:
            if longest is not None and file.bytes > longest:
                digest.update(opened.read(MAGIC_BYTES))
            else:
                block = min(_BLOCK, file.bytes + 1)  # a buffer of a whole block costs more than reading a small file
                while content := opened.read(block):
                    digest.update(content)
        return digest.hexdigest()

    def leads_out(self, file: File) -> bool:
        return file.linked and not Path(self.address, file.path).resolve().is_relative_to(Path(self.address).resolve())


class RemoteFolder:
    """A folder of any other store, such as ``hdfs://``, that Beam's file systems read."""

    def __init__(self, address: str) -> None:
        self.address = address

    def files(self, skips: Skips | None = None) -> list[File]:
        files = {file.path: file for file in self._all()}
        return [files[path] for path in (skips or Skips()).kept(files)]

    def names(self) -> list[str]:
        start = len(self.address) + 1
        return sorted({one.path[start:].partition("/")[0] for one in self._match("/**")} - {""})

    def file(self, path: str) -> File:
        for one in self._match("/" + glob.escape(path)):
            if one.path == f"{self.address}/{path}":
                return self._file(one)
        raise FileNotFoundError(errno.ENOENT, "no such file")

    def named(self, paths: Iterable[str]) -> list[File]:
        texts = {one_text(path) for path in paths}  # a listing costs less than asking for each
        return [file for file in self._all() if one_text(file.path) in texts]

    def open(self, path: str) -> BinaryIO:
        from apache_beam.io.filesystem import CompressionTypes
        from apache_beam.io.filesystems import FileSystems

        file: BinaryIO = FileSystems.open(f"{self.address}/{path}", compression_type=CompressionTypes.UNCOMPRESSED)
        return file

    def digest(self, file: File, longest: int | None = None) -> str:
        """The checksum that the store keeps of an object, or, of one that keeps none, when it was written."""
        from apache_beam.io.filesystems import FileSystems

        del longest
        checksum = str(FileSystems.checksum(f"{self.address}/{file.path}"))
        return file.changed if checksum == str(file.bytes) else checksum  # Beam gives the length where there is none

    def leads_out(self, file: File) -> bool:
        return file.linked  # there are no links

    def _all(self) -> list[File]:
        found = self._match("/**")
        if not found:
            raise UserError(f"{self.address}: no such folder, or it is empty", code="data-folder-missing")
        return sorted(file for file in map(self._file, found) if file.path and not file.path.endswith("/"))

    def _file(self, one: Any) -> File:
        return File(one.path[len(self.address) + 1 :], one.size_in_bytes, str(int(one.last_updated_in_seconds * 10**9)))

    def _match(self, pattern: str) -> list[Any]:
        from apache_beam.io.filesystems import FileSystems

        try:
            found: list[Any] = FileSystems.match([glob.escape(self.address) + pattern])[0].metadata_list
        except Exception as error:  # each store raises its own: no rights, no network, no library
            message = f"{self.address}: cannot be listed: {first_line(error)}"
            raise UserError(message, code="data-unreadable") from error
        return found
