"""TFRecord files with the offset of every record, through Beam's file systems.

A record is its length (uint64), the CRC of the length (uint32), the bytes, their CRC (uint32), little-endian. CRCs are
CRC-32C, masked. Only uncompressed files: a compressed one cannot be sought in.
"""

import errno
import glob
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import google_crc32c
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from models.errors import UserError

_HEADER = struct.Struct("<QI")
_CRC = struct.Struct("<I")
_GZIP_MAGIC = b"\x1f\x8b"
# Other devices, file systems without hard links, too many links to one file, forbidden (protected_hardlinks).
_CANNOT_LINK = {errno.EXDEV, errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


def find_shards(folder: str) -> list[str]:
    """The record files of a folder, sorted by name.

    Raises:
      UserError: there are none, or they are compressed.
    """
    matches = FileSystems.match([f"{glob.escape(folder.rstrip('/'))}/*"])[0].metadata_list
    shards = sorted(match.path for match in matches)
    if not shards:
        raise UserError(f"{folder}: no image shards", code="data-no-records")
    for shard in shards:
        with open_records(shard) as file:
            header = file.read(_HEADER.size)
        # A record may be of a length that begins like gzip's magic number; then its checksum is right.
        if shard.endswith(".gz") or (header.startswith(_GZIP_MAGIC) and not _is_header(header)):
            message = f"{shard}: compressed with gzip; images are read by offset: write uncompressed TFRecords"
            raise UserError(message, code="data-records-compressed")
    return shards


def open_records(path: str) -> BinaryIO:
    """Opens a file of records for reading."""
    return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)


def create_records(path: str) -> BinaryIO:
    """Opens a file for records to be written."""
    return FileSystems.create(path, compression_type=CompressionTypes.UNCOMPRESSED)


def read_records(path: str) -> Iterator[tuple[int, bytes]]:
    """Each record of a file with its offset, in order.

    Raises:
      ValueError: the file is damaged, or no TFRecord file.
    """
    with open_records(path) as file:
        offset = 0
        while header := file.read(_HEADER.size):
            if len(header) < _HEADER.size:
                raise ValueError(f"{path}: cut off at byte {offset}")
            record = _body(file, header, path, offset)
            yield offset, record
            offset += _HEADER.size + len(record) + _CRC.size


def read_record(file: BinaryIO, offset: int, path: str) -> bytes:
    """The record at an offset of an open file; ``path`` is for the message.

    Raises:
      ValueError: there is no complete record.
    """
    file.seek(offset)
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise ValueError(f"{path}: no record at byte {offset}")
    return _body(file, header, path, offset)


def write_record(file: BinaryIO, record: bytes) -> None:
    """Appends a record."""
    length = struct.pack("<Q", len(record))
    file.write(length + _CRC.pack(_masked_crc(length)) + record + _CRC.pack(_masked_crc(record)))


def is_local(path: str) -> bool:
    """Whether a path lies in the machine's own file system."""
    return FileSystems.get_scheme(path) is None


def must_copy(source: str, folder: str) -> bool:
    """Whether a file can only be copied into ``folder``, which exists, not linked."""
    return not (is_local(source) and is_local(folder) and Path(source).stat().st_dev == Path(folder).stat().st_dev)


def link_or_copy(sources: list[str], folder: str) -> int:
    """Puts an artifact's files into a folder under their own names: hard links where possible, copies otherwise.

    Artifacts are never changed once written, so a link is as good as a copy, and stays when the original is removed.

    Returns:
      how many were linked.
    """
    if not FileSystems.exists(folder):
        FileSystems.mkdirs(folder)
    return sum(_link_or_copy(source, FileSystems.join(folder, FileSystems.split(source)[1])) for source in sources)


def _link_or_copy(source: str, target: str) -> bool:
    if FileSystems.exists(target):
        FileSystems.delete([target])
    if is_local(source) and is_local(target):
        try:
            os.link(source, target)
        except OSError as error:
            if error.errno not in _CANNOT_LINK:
                raise
        else:
            return True
    FileSystems.copy([source], [target])
    return False


def _body(file: BinaryIO, header: bytes, path: str, offset: int) -> bytes:
    length, _ = _HEADER.unpack(header)
    if not _is_header(header):
        raise ValueError(f"{path}: no TFRecord at byte {offset} (the checksum of its length is wrong)")
    body: bytes = file.read(length + _CRC.size)
    if len(body) < length + _CRC.size:
        raise ValueError(f"{path}: the record at byte {offset} is cut off")
    record = body[:length]
    if _CRC.unpack_from(body, length)[0] != _masked_crc(record):
        raise ValueError(f"{path}: the record at byte {offset} is damaged (its checksum is wrong)")
    return record


def _is_header(header: bytes) -> bool:
    return len(header) == _HEADER.size and _masked_crc(header[:8]) == _HEADER.unpack(header)[1]


def _masked_crc(data: bytes) -> int:
    crc: int = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
