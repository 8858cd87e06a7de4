"""Zip archives: their entries, and the bytes of one.

The directory is read by ``zipfile``; the bytes are not, since it bounds the memory for some methods only.
"""

import bz2
import posixpath
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, BinaryIO

from components.image_example_gen.sources.archive_entries import Entry, Located
from models.data.image_formats import UnreadableImage
from models.errors import UserError

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
_ENCRYPTED, _PATCH, _STRONG, _UTF8 = 0x1, 0x20, 0x40, 0x800
_HEADER = 30  # bytes, before the name
_PIECE = 64 * 1024
_LONGEST_TARGET = 4096


def is_zip(beginning: bytes) -> bool:
    """Whether a file with this beginning is a zip archive, an empty one included."""
    return beginning.startswith((b"PK\3\4", b"PK\5\6"))


def entries(address: str, file: BinaryIO, length: int) -> Iterator[Entry]:
    """What the archive's directory lists.

    Raises:
      UserError: it is damaged, or its entries share bytes.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
    except Exception as error:  # zipfile raises errors of many kinds for a broken directory
        raise UserError(
            f"{address}: damaged, or not completely copied: {error}", code="data-archive-damaged"
        ) from error
    del archive
    _check_apart(address, infos, length)
    infos.reverse()
    while infos:
        yield _entry(infos.pop(), file)  # the record of zipfile for each is large


def read(file: BinaryIO, located: Located) -> bytes:
    """The bytes of one entry; never more of them are in memory than the directory lists.

    Raises:
      UnreadableImage: the archive is damaged there.
    """
    _seek(file, located)
    try:
        data = _decompress(file, located)
    except (zlib.error, OSError, EOFError) as error:
        raise UnreadableImage("damaged: it cannot be decompressed") from error
    if len(data) != located.bytes:
        raise UnreadableImage("damaged: its length is not that in the directory")
    if zlib.crc32(data) != located.crc:
        raise UnreadableImage("damaged: wrong checksum")
    return data


def beginning(file: BinaryIO, located: Located, size: int) -> bytes:
    """The first bytes of one entry, about ``size`` of them, as far as they can be read."""
    with suppress(UnreadableImage, zlib.error, OSError, EOFError):
        _seek(file, located)
        return _decompress(file, located._replace(bytes=min(size, located.bytes)))
    return b""


def _seek(file: BinaryIO, located: Located) -> None:
    """To the data of an entry, behind its header."""
    file.seek(located.offset)
    header = file.read(_HEADER)
    if len(header) < _HEADER or not header.startswith(b"PK\3\4"):
        raise UnreadableImage("damaged: no entry where the archive's directory has it")
    name, extra = struct.unpack("<HH", header[26:30])
    file.seek(located.offset + _HEADER + name + extra)


def _decompress(file: BinaryIO, located: Located) -> bytes:
    """At most one byte more than the directory lists."""
    if located.method == zipfile.ZIP_STORED:
        return file.read(min(located.packed, located.bytes + 1))
    pieces, unread, room = [], located.packed, located.bytes + 1
    deflate = zlib.decompressobj(-zlib.MAX_WBITS) if located.method == zipfile.ZIP_DEFLATED else None
    decompressor: Any = deflate or bz2.BZ2Decompressor()
    packed = b""
    while room > 0 and not decompressor.eof:
        if not packed and unread and (deflate or decompressor.needs_input):
            packed = file.read(min(unread, _PIECE))
            unread = unread - len(packed) if packed else 0
        piece = decompressor.decompress(packed, room)
        packed = deflate.unconsumed_tail if deflate else b""
        if not piece and not packed and not unread:
            break
        pieces.append(piece)
        room -= len(piece)
    return b"".join(pieces)


def _entry(info: zipfile.ZipInfo, file: BinaryIO) -> Entry:
    name = info.orig_filename
    if not info.flag_bits & _UTF8 and not name.isascii():
        with suppress(UnicodeError):  # most programs write UTF-8 without the flag; zipfile assumes DOS's code page
            name = name.encode("cp437").decode("utf-8")
    located = Located(info.header_offset, info.compress_size, info.file_size, info.compress_type, info.CRC)
    problem = ""
    if info.flag_bits & (_ENCRYPTED | _PATCH | _STRONG):
        problem = "encrypted"
    elif info.compress_type not in _METHODS:
        method = zipfile.compressor_names.get(info.compress_type, "unknown")  # type: ignore[attr-defined]
        problem = f"unsupported compression: method {info.compress_type} ({method})"
    kind = stat.S_IFMT(info.external_attr >> 16)
    if name.endswith("/"):
        return Entry(name, "folder", located)
    if kind == stat.S_IFLNK:
        return Entry(name, "link", located, "" if problem else _target(name, file, located))
    return Entry(name, "file" if kind in (0, stat.S_IFREG) else "other", located, problem=problem)


def _target(name: str, file: BinaryIO, located: Located) -> str:
    if located.bytes > _LONGEST_TARGET:
        return ""
    try:
        target = read(file, located).decode("utf-8", "surrogateescape")
    except UnreadableImage:
        return ""
    return posixpath.join(posixpath.dirname(name), target)


def _check_apart(address: str, infos: list[zipfile.ZipInfo], length: int) -> None:
    """Checks that no bytes are shared: many entries of the same bytes make a small archive extract to a huge one."""
    end, before = 0, ""
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            message = f"{address}: refused: its entries {before!r} and {info.filename!r} share bytes"
            raise UserError(message, code="data-archive-refused")
        end, before = info.header_offset + _HEADER + info.compress_size, info.filename
        if info.header_offset < 0 or end > length:
            message = f"{address}: damaged: its entry {before!r} would lie outside of the file"
            raise UserError(message, code="data-archive-damaged")
