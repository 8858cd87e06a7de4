"""TIFF: its directories, and the strips or tiles of its first page (TIFF 6.0; BigTIFF)."""

import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.data.image_structure import jpeg
from models.data.image_structure.budget import MAX_PARTS, Budget, UnreadableImage, check_parts, over_budget

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_BYTES = (1, 2, 7)  # of any length; Pillow makes a Python object of each value of the other types
_INTEGERS = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _ROWS, _SAMPLES, _PLANAR = 256, 257, 258, 259, 278, 277, 284
_STRIPS, _STRIP_BYTES, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 273, 279, 322, 323, 324, 325
_BELOW = (34665, 34853, 40965)  # the directories that Pillow reads too: EXIF, GPS, interoperability
_KNOWN_BITS = (1, 2, 4, 8, 12, 16, 32)
_JPEG, _JPEG_SCANS = 7, 20  # a compression, and its scans: one is usual
_SHARED = 64 * 1024**2  # bytes of strips that may be those of other strips


class _Value(NamedTuple):
    type: int
    length: int
    offset: int


class _Reader:
    """Numbers of a TIFF file, in its byte order."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.order = "<" if data[:2] == b"II" else ">"
        self.big = data[2:4] in (b"+\0", b"\0+")
        self._count, self._offset = ("Q", "Q") if self.big else ("H", "I")
        self._inline = 8 if self.big else 4
        self._entry = struct.Struct(f"{self.order}HH{self._offset}")

    def unpack(self, code: str, at: int) -> int:
        return int(struct.unpack_from(self.order + code, self.data, at)[0])

    def first(self) -> int:
        return self.unpack(self._offset, 8 if self.big else 4)

    def next(self, at: int) -> int:
        """The offset of the directory after the one at this offset; 0 if there is none."""
        try:
            after = at + struct.calcsize("=" + self._count) + self._length(at) * (4 + 2 * self._inline)
            return self.unpack(self._offset, after)
        except (struct.error, OverflowError):
            return 0

    def _length(self, at: int) -> int:
        return self.unpack(self._count, at)

    def directory(self, at: int) -> dict[int, _Value]:
        """The entries of the directory at this offset, as many as the file has."""
        entries: dict[int, _Value] = {}
        begin, size = at + struct.calcsize("=" + self._count), 4 + 2 * self._inline
        count = min(self._length(at), max(0, len(self.data) - begin) // size)
        check_parts(count, "TIFF tags")
        for position in range(begin, begin + count * size, size):
            tag, type_, length = self._entry.unpack_from(self.data, position)
            inline = position + 4 + self._inline
            long = _SIZES.get(type_, 0) * length > self._inline
            entries[tag] = _Value(type_, length, self.unpack(self._offset, inline) if long else inline)
        return entries

    def values(self, value: _Value | None) -> NDArray[np.generic]:
        """The integers of an entry, as many as the file has."""
        code = _INTEGERS.get(value.type) if value else None
        if value is None or code is None:
            return np.empty(0, np.uint8)
        dtype = np.dtype(self.order + code)
        count = min(value.length, max(0, len(self.data) - value.offset) // dtype.itemsize)
        return np.frombuffer(self.data, dtype, count, value.offset) if count else np.empty(0, dtype)


def checked(data: bytes, budget: Budget) -> bytes:
    """The same bytes.

    Raises:
      UnreadableImage: too many pixels, pages, strips or tiles, a directory longer than the file, or unusual bits.
    """
    reader = _Reader(data)
    first = reader.first()
    _check_pages(reader, first, budget)
    page = reader.directory(first)
    below, seen = [page], set()
    while below:
        directory = below.pop()
        _check_directory(directory, len(data))
        for tag in _BELOW:
            at = _integer(reader, directory, tag, 0)
            if at and at not in seen and at < len(data) - 2:
                seen.add(at)
                below.append(reader.directory(at))
    _check_pixels(reader, page, budget)
    return data


def _check_pages(reader: _Reader, at: int, budget: Budget) -> None:
    seen = set[int]()
    while at and at not in seen:
        seen.add(at)
        budget.check_frames(len(seen))
        at = reader.next(at)


def _check_directory(directory: dict[int, _Value], length: int) -> None:
    """Checks what is read with a directory: many entries may be of the same bytes."""
    if sum(_SIZES.get(value.type, 0) * value.length for value in directory.values()) > length:
        raise over_budget("TIFF tags longer than the file")
    check_parts(
        sum(value.length for value in directory.values() if value.type not in _BYTES), "TIFF numbers", 4 * MAX_PARTS
    )


def _check_pixels(reader: _Reader, page: dict[int, _Value], budget: Budget) -> None:
    width, height = _integer(reader, page, _WIDTH, 0), _integer(reader, page, _HEIGHT, 0)
    budget.check_pixels(width, height)
    unusual = sorted(set(reader.values(page.get(_BITS)).tolist()) - set(_KNOWN_BITS))
    if unusual:
        raise UnreadableImage(f"unsupported pixels: {unusual[0]} bits")
    planes = _integer(reader, page, _SAMPLES, 1) if _integer(reader, page, _PLANAR, 1) == 2 else 1
    if _TILES in page:
        across, down = _integer(reader, page, _TILE_WIDTH, 0), _integer(reader, page, _TILE_HEIGHT, 0)
        if not across or not down:
            raise UnreadableImage("damaged header: TIFF")
        columns, rows = -(-width // across), -(-height // down)
        budget.check_pixels(across, down)
        if columns * across * rows * down > 4 * budget.max_pixels:
            raise UnreadableImage(f"too many pixels: {columns * rows} tiles of {across}x{down}")
        wanted, offsets, lengths = columns * rows * planes, page[_TILES], page.get(_TILE_BYTES)
    else:
        if _STRIPS not in page:
            raise UnreadableImage("damaged header: TIFF")
        rows = min(height, _integer(reader, page, _ROWS, height) or height)
        wanted, offsets, lengths = -(-height // max(1, rows)) * planes, page[_STRIPS], page.get(_STRIP_BYTES)
    check_parts(offsets.length, "TIFF strips")
    if offsets.length > max(16, wanted):
        raise over_budget(f"{offsets.length} TIFF strips where {wanted} have all pixels")
    if float(reader.values(lengths).sum(dtype=np.float64)) > len(reader.data) + _SHARED:
        raise over_budget("TIFF strips longer than the file")
    if _integer(reader, page, _COMPRESSION, 1) == _JPEG:
        for start, length in set(zip(reader.values(offsets).tolist(), reader.values(lengths).tolist(), strict=False)):
            jpeg.checked(reader.data[start : start + length], budget, _JPEG_SCANS)


def _integer(reader: _Reader, directory: dict[int, _Value], tag: int, default: int) -> int:
    found = reader.values(directory.get(tag))
    return int(found[0]) if len(found) else default
