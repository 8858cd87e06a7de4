"""Tar archives: their entries, the bytes of one, and the extraction of a compressed one.

A compressed tar is extracted once, into a file without a name, which the system deletes even after a crash.
"""

import bz2
import gzip
import lzma
import os
import posixpath
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, cast

from absl import logging

from components.image_example_gen.sources import archive_entries
from components.image_example_gen.sources.archive_entries import Entry, Located
from models.data.image_formats import UnreadableImage
from models.errors import UserError

_LONGEST_HEADER = 1024**2  # bytes; of an extended one
_PIECE = 1024**2
_GZIP, _BZIP2, _XZ = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0"


def entries(address: str, file: BinaryIO, length: int) -> Iterator[Entry]:
    """What the archive holds, in its order, one at a time in memory.

    Raises:
      UserError: it is no tar archive, or damaged: entries after the damage would be lost silently.
    """
    bounded = cast(BinaryIO, _Bounded(file))
    offset = -1
    try:
        with tarfile.open(fileobj=bounded, mode="r:", encoding="utf-8", errors="surrogateescape") as archive:
            while (member := archive.next()) is not None:
                if member.size < 0 or archive.offset <= offset or member.offset_data + member.size > length:
                    raise tarfile.ReadError("an entry would lie outside of the file")
                offset = archive.offset
                yield _entry(member)
                archive.members.clear()  # type: ignore[attr-defined]  # else all of them are kept
            _check_ends(bounded, archive.offset)
    except (tarfile.TarError, OSError, ValueError, OverflowError, RecursionError) as error:
        what = "no zip or tar archive" if offset < 0 else f"damaged after byte {offset:,}, or not completely copied"
        raise UserError(f"{address}: {what}: {error}", code="data-archive-damaged") from error


def read(file: BinaryIO, located: Located) -> bytes:
    """The bytes of one entry.

    Raises:
      UnreadableImage: the archive ends before.
    """
    file.seek(located.offset)
    data = file.read(located.bytes)
    if len(data) < located.bytes:
        raise UnreadableImage("damaged: the archive ends within it")
    return data


def beginning(file: BinaryIO, located: Located, size: int) -> bytes:
    """The first ``size`` bytes of one entry, as far as they can be read."""
    file.seek(located.offset)
    return file.read(min(size, located.bytes))


def _entry(member: tarfile.TarInfo) -> Entry:
    located = Located(member.offset_data, member.size, member.size)
    kind: Literal["file", "folder", "link", "other"] = "other"
    target = problem = ""
    if member.isdir():
        kind = "folder"
    elif member.issym():
        kind, target = "link", posixpath.join(posixpath.dirname(member.name), member.linkname)
    elif member.islnk():  # to an earlier entry, from the root
        kind, target = "link", member.linkname
    elif member.isfile():
        kind = "file"
        problem = "a sparse file" if member.issparse() else ""
    return Entry(member.name, kind, located, target, problem)


def _check_ends(file: BinaryIO, offset: int) -> None:
    """``tarfile`` takes a header that it cannot read for the end of the archive; this does not."""
    file.seek(offset)
    if file.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise tarfile.ReadError("a header that cannot be read")


class _Bounded:
    """The file that tarfile reads headers from, with a limit on their size."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self._file.read(size)


def is_compressed(beginning: bytes) -> bool:
    """Whether a file with this beginning is compressed as one stream."""
    return beginning.startswith((_GZIP, _BZIP2, _XZ))


class ExtractedArchive:
    """The content of a compressed file, in the folder for temporary files (``TMPDIR``); deleted with this object.

    Args:
      file: at its beginning.

    Raises:
      UserError: it is damaged, extracts to far more than images do, or the disk is full.
    """

    def __init__(self, address: str, file: BinaryIO) -> None:
        packed = file.seek(0, os.SEEK_END)
        file.seek(0)
        most = max(archive_entries.MANY_BYTES, archive_entries.RATIO * packed)
        logging.info("extracting %s", address)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this object
        written = 0
        with _decompressed(file) as content:
            while piece := _next_piece(address, content):
                written += len(piece)
                if written > most:
                    message = f"{address}: refused: its {packed:,} bytes extract to more than {most:,}"
                    raise UserError(message, code="data-archive-refused")
                try:
                    self._file.write(piece)
                    self._file.flush()
                except OSError as error:
                    where = f"cannot be extracted into {tempfile.gettempdir()}: {error.strerror}"
                    hint = "set TMPDIR to a folder with free space, or use a .tar or .zip, which needs none"
                    raise UserError(f"{address}: {where}; {hint}", code="data-disk-space") from None

    def open(self) -> BinaryIO:
        """Opens it once more, at its beginning: each thread needs a position of its own."""
        return Path(f"/proc/self/fd/{self._file.fileno()}").open("rb")


def _decompressed(file: BinaryIO) -> BinaryIO:
    beginning = file.read(8)
    file.seek(0)
    if beginning.startswith(_GZIP):
        return cast(BinaryIO, gzip.GzipFile(fileobj=file))
    return cast(BinaryIO, bz2.BZ2File(file) if beginning.startswith(_BZIP2) else lzma.LZMAFile(file))


def _next_piece(address: str, content: BinaryIO) -> bytes:
    try:
        return content.read(_PIECE)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise UserError(
            f"{address}: damaged, or not completely copied: {error}", code="data-archive-damaged"
        ) from error
