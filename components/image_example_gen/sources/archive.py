"""Images in an archive, zip or tar, read in place; a compressed tar is unpacked once into a file without a name."""

import posixpath
import threading
from types import TracebackType
from typing import Any, BinaryIO
from weakref import WeakValueDictionary

from components.image_example_gen.settings import Layout
from components.image_example_gen.sources import tar_entries, zip_entries
from components.image_example_gen.sources.archive_entries import Contents, contents_of
from components.image_example_gen.sources.extracted_archive import Unpacked, is_compressed
from components.image_example_gen.sources.source import Found, Listing, digest_of
from components.storage.files import File, Place
from models.data import image_formats
from models.errors import UserError

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


class ArchiveSource:
    """``<identity>/<image>`` or ``<group>/<identity>/<image>``, also below one folder that holds everything.

    Nothing is ever extracted under its name. An entry that would leave the archive (absolute, ``..``, a link that leads
    out) makes the whole archive the user's error; what merely cannot be read is set aside. Links are not followed.

    Args:
      place: the archive's folder.
      name: of its file; what kind of archive it is, its content says.
      layout: what the folders in it stand for.
    """

    def __init__(self, place: Place, name: str, layout: Layout) -> None:
        self._place, self._name, self._layout = place, name, layout
        self._archive: _Archive | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_archive": None}  # workers look into the archive for themselves

    def list(self) -> Listing:
        self._archive = self._opened()
        return self._archive.contents.listing

    def fingerprint(self) -> str:
        file = self._file()
        return digest_of([(file.path, file.bytes, file.changed)])

    def reader(self) -> "_ArchiveReader":
        if self._archive is None:
            self._archive = self._opened()
        return _ArchiveReader(self._archive)

    def _file(self) -> File:
        try:
            return self._place.file(self._name)
        except OSError as error:
            raise UserError(f"{self._address}: {error.strerror or error}") from None

    @property
    def _address(self) -> str:
        return posixpath.join(self._place.address, self._name)

    def _opened(self) -> "_Archive":
        file = self._file()
        if not file.regular:
            raise UserError(f"{self._address}: not a file; an archive is one ({', '.join(SUFFIXES)})")
        key = (self._address, self._layout, file.bytes, file.changed)
        with _lock:
            archive = _archives.get(key)
            if archive is None:
                archive = _archives[key] = _Archive(self._place, self._name, self._address, self._layout)
        return archive


class _Archive:
    """What is known of one archive; all sources of it in one process share it, and it goes with the last of them."""

    def __init__(self, place: Place, name: str, address: str, layout: Layout) -> None:
        self._place, self._name = place, name
        self._unpacked: Unpacked | None = None
        try:
            with place.open(name) as file:
                beginning = file.read(8)
                file.seek(0)
                if is_compressed(beginning):
                    self._unpacked = Unpacked(address, file)
        except OSError as error:
            raise UserError(f"{address}: cannot be read: {error.strerror or error}") from None
        self._zip = zip_entries.is_zip(beginning)
        with self.open() as file:
            length = file.seek(0, 2)
            file.seek(0)
            entries = (zip_entries if self._zip else tar_entries).entries(address, file, length)
            self.contents: Contents = contents_of(address, entries, length, layout)

    def open(self) -> BinaryIO:
        return self._unpacked.open() if self._unpacked else self._place.open(self._name)

    def read(self, file: BinaryIO, path: str) -> bytes:
        located = self.contents.located.get(path)
        if located is None:
            raise FileNotFoundError(path)  # the archive was written anew in the meantime
        return (zip_entries if self._zip else tar_entries).read(file, located)


class _ArchiveReader:
    """Used by one thread at a time."""

    def __init__(self, archive: _Archive) -> None:
        self._archive = archive
        self._file: BinaryIO | None = None

    def __enter__(self) -> "_ArchiveReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def read(self, found: Found, limit: int) -> bytes:
        if found.bytes > limit:  # as the archive says, which is all that is ever unpacked of it
            raise image_formats.UnreadableImage(f"too many bytes: {found.bytes} > {limit}")
        if self._file is None:
            self._file = self._archive.open()
        return self._archive.read(self._file, found.image_id)


_archives: WeakValueDictionary[tuple[Any, ...], _Archive] = WeakValueDictionary()
_lock = threading.Lock()
