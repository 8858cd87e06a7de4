"""Images in a zip or tar archive, read without extraction, but for a compressed tar: that is extracted once."""

import posixpath
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO
from weakref import WeakValueDictionary

from components.image_example_gen.settings import IngestSettings, Layout
from components.image_example_gen.sources import tar_archive, zip_archive
from components.image_example_gen.sources.archive_entries import Contents, contents_of
from components.image_example_gen.sources.source import Found, Listing, digest_of, has_suffix, register_source
from components.image_example_gen.sources.tar_archive import ExtractedArchive, is_compressed
from components.storage.digests import Digests
from components.storage.folders import Folder, folder_and_name
from components.storage.image_walk import File
from components.storage.skips import SYSTEM_NAMES, Skips
from models.data.image_formats import MAGIC_BYTES, UnreadableImage
from models.errors import UserError

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


class ArchiveSource:
    """``<identity>/<image>`` or ``<group>/<identity>/<image>``, also below one folder that holds everything.

    Nothing is ever extracted under its name. An archive with an entry that would leave it (absolute, ``..``, a link
    that leads out) is refused; an entry that cannot be read is set aside. Links are not followed.

    Args:
      name: of its file; its content decides which format it has.
    """

    shareable = False  # an archive is read in its order

    def __init__(self, folder: Folder, name: str, layout: Layout, skip: Sequence[str] = SYSTEM_NAMES) -> None:
        self._folder, self._name, self._layout, self._skip = folder, name, layout, tuple(skip)
        self._archive: _Archive | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_archive": None}  # each worker lists the archive itself

    def list(self) -> Listing:
        self._archive = self._opened()
        return self._archive.contents.listing

    def fingerprint(self, digests: Digests | None = None) -> str:
        file = self._file()
        return digest_of([(file.path, file.bytes, *(digests or Digests()).of(self._folder, [file]))])

    @contextmanager
    def reader(self) -> Iterator["_ArchiveReader"]:
        if self._archive is None:
            self._archive = self._opened()
        with ExitStack() as stack:
            yield _ArchiveReader(self._archive, stack)

    def _file(self) -> File:
        try:
            return self._folder.file(self._name)
        except OSError as error:
            raise UserError(f"{self._address}: {error.strerror or error}", code="data-unreadable") from None

    @property
    def _address(self) -> str:
        return posixpath.join(self._folder.address, self._name)

    def _opened(self) -> "_Archive":
        file = self._file()
        if not file.regular:
            message = f"{self._address}: not a file; an archive is one ({', '.join(SUFFIXES)})"
            raise UserError(message, code="data-unreadable")
        key = (self._address, self._layout, self._skip, file.bytes, file.changed)
        with _lock:
            archive = _archives.get(key)
            if archive is None:
                archive = _Archive(self._folder, self._name, self._address, self._layout, self._skip)
                _archives[key] = archive
        return archive


@register_source(f"an archive ({', '.join(SUFFIXES)})", has_suffix(*SUFFIXES))
def open_archive(address: str, settings: IngestSettings) -> ArchiveSource:
    """The images of an archive."""
    return ArchiveSource(*folder_and_name(address), settings.layout, settings.skip)


class _Archive:
    """The contents of one archive, shared by all sources of it in one process and deleted with the last of them."""

    def __init__(self, folder: Folder, name: str, address: str, layout: Layout, skip: Sequence[str]) -> None:
        self._folder, self._name = folder, name
        self._extracted: ExtractedArchive | None = None
        try:
            with folder.open(name) as file:
                beginning = file.read(8)
                file.seek(0)
                if is_compressed(beginning):
                    self._extracted = ExtractedArchive(address, file)
        except OSError as error:
            raise UserError(f"{address}: cannot be read: {error.strerror or error}", code="data-unreadable") from None
        self.format = zip_archive if zip_archive.is_zip(beginning) else tar_archive
        with self.open() as file:
            length = file.seek(0, 2)
            file.seek(0)
            self.contents: Contents = contents_of(
                address,
                self.format.entries(address, file, length),
                length,
                layout,
                lambda located: self.format.beginning(file, located, MAGIC_BYTES),
                Skips(skip),
            )

    def open(self) -> BinaryIO:
        return self._extracted.open() if self._extracted else self._folder.open(self._name)


class _ArchiveReader:
    """Used by one thread at a time."""

    def __init__(self, archive: _Archive, stack: ExitStack) -> None:
        self._archive, self._stack = archive, stack
        self._file: BinaryIO | None = None

    def read(self, found: Found, limit: int) -> bytes:
        if found.bytes > limit:  # by the archive's directory; no more is ever extracted
            raise UnreadableImage(f"too many bytes: {found.bytes} > {limit}")
        if self._file is None:
            self._file = self._stack.enter_context(self._archive.open())
        located = self._archive.contents.located.get(found.image_id)
        if located is None:
            raise FileNotFoundError(found.image_id)  # the archive was replaced in the meantime
        return self._archive.format.read(self._file, located)


_archives: WeakValueDictionary[tuple[Any, ...], _Archive] = WeakValueDictionary()
_lock = threading.Lock()
