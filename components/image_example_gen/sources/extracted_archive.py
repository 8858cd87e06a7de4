"""A compressed tar without its compression: on disk, in a file without a name, which nothing can leave behind."""

import bz2
import gzip
import io
import lzma
import os
import tempfile
import zlib
from typing import Any, BinaryIO, cast

from absl import logging

from components.image_example_gen.sources.archive_entries import MANY_BYTES, RATIO
from models.errors import UserError

_PIECE = 1024**2
_GZIP, _BZIP2, _XZ = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0"


def is_compressed(beginning: bytes) -> bool:
    """Whether a file that begins so is compressed as a whole."""
    return beginning.startswith((_GZIP, _BZIP2, _XZ))


class Unpacked:
    """The content of a compressed file, in the folder for temporary files (``TMPDIR``); it goes with this object.

    Args:
      address: of the file, for messages.
      file: at its beginning.

    Raises:
      UserError: it is damaged, unpacks to far more than images do, or there is no room for it.
    """

    def __init__(self, address: str, file: BinaryIO) -> None:
        packed = file.seek(0, os.SEEK_END)
        file.seek(0)
        most = max(MANY_BYTES, RATIO * packed)
        logging.info("unpacking %s", address)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this object
        written = 0
        with _decompressed(file) as content:
            while piece := _next_piece(address, content):
                written += len(piece)
                if written > most:
                    raise UserError(f"{address}: refused: its {packed:,} bytes unpack to more than {most:,}")
                try:
                    self._file.write(piece)
                    self._file.flush()
                except OSError as error:
                    where = f"cannot be unpacked into {tempfile.gettempdir()}: {error.strerror}"
                    hint = "set TMPDIR to a folder with room for it, or give a .tar or .zip, which is read in place"
                    raise UserError(f"{address}: {where}; {hint}") from None

    def open(self) -> BinaryIO:
        """Another view from its beginning; views may be used by several threads, one by each."""
        return cast(BinaryIO, io.BufferedReader(_View(self._file.fileno())))


class _View(io.RawIOBase):
    """Reads an open file at a position of its own."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor, self._position = descriptor, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: os.fstat(self._descriptor).st_size}
        self._position = start[whence] + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        data = os.pread(self._descriptor, len(buffer), self._position)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


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
        raise UserError(f"{address}: damaged, or not wholly copied: {error}") from error
