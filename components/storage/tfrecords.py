"""TFRecord files with the offset of every record, through Beam's file systems, and the Examples in them.

A record is its length (uint64), the CRC of the length (uint32), the bytes, their CRC (uint32), little-endian. CRCs are
CRC-32C, masked. Only uncompressed files: a compressed one cannot be sought in.

A ``tf.train.Example`` is serialised without protobuf, in a sixth of the time of its Python API, to the same bytes, with
the keys sorted in every version: ``Example{1: Features{1: {1: key, 2: Feature{1: BytesList{1: bytes} | 2: FloatList{1:
packed little-endian floats} | 3: Int64List{1: packed varints}}}}}``.
"""

import errno
import glob
import os
import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import google_crc32c
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from models.errors import UserError

_HEADER = struct.Struct("<QI")
_CRC = struct.Struct("<I")
_GZIP_MAGIC = b"\x1f\x8b"
_FIELD_1, _FIELD_2, _FIELD_3 = b"\x0a", b"\x12", b"\x1a"  # of a message; each followed by a length
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


def encode_example(features: Mapping[str, bytes | int | float]) -> bytes:
    """Serialises scalar features, bytes, non-negative integers or floats (as float32), in the order of their keys."""
    entries = [
        _before_bytes(key, len(value)) + value
        if isinstance(value, bytes)
        else _number(key, _FIELD_2, struct.pack("<f", value))
        if isinstance(value, float)
        else _integer(key, value)
        for key, value in sorted(features.items())
    ]
    return b"".join((_FIELD_1, _varint(sum(map(len, entries))), *entries))


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


@lru_cache(maxsize=4096)
def _before_bytes(key: str, size: int) -> bytes:
    """The part of a bytes feature's entry before its value, which depends only on the value's length."""
    head = b""
    for tag in (_FIELD_1, _FIELD_1, _FIELD_2):
        head = tag + _varint(len(head) + size) + head
    head = _field(_FIELD_1, key.encode()) + head
    return _FIELD_1 + _varint(len(head) + size) + head


@lru_cache(maxsize=4096)
def _integer(key: str, value: int) -> bytes:
    return _number(key, _FIELD_3, _varint(value))


def _number(key: str, kind: bytes, packed: bytes) -> bytes:
    feature = _field(kind, _field(_FIELD_1, packed))
    return _field(_FIELD_1, _field(_FIELD_1, key.encode()) + _field(_FIELD_2, feature))


def _field(tag: bytes, payload: bytes) -> bytes:
    return tag + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    digits = bytearray()
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)
