"""GIF: blocks, of which only those of the first frame are decoded (GIF89a, 15 to 26)."""

import re
from collections.abc import Iterator
from itertools import islice

from models.data.image_structure.budget import Budget, check_parts

_MAX_BLOCKS = 500_000  # of up to 255 bytes: of 64 MB there are 260,000
_FRAME, _EXTENSION, _CONTROL = 0x2C, 0x21, 0xF9
_BLOCK = re.compile(rb"[,!;]")  # the begin of a frame or extension, or the end


def checked(data: bytes, budget: Budget) -> bytes:
    """The first frame as a GIF of its own, without comments.

    Raises:
      UnreadableImage: too many frames or blocks.
    """
    budget.check_frames(sum(1 for _ in islice(gif_frames(data), budget.max_frames + 1)))
    control = b""
    for kind, start, end in _parts(data):
        if kind == _FRAME:
            end_mark = b";" if end <= len(data) else b""  # a truncated one stays so
            return data[: _head(data)] + control + data[start:end] + end_mark
        if data[start + 1 : start + 2] == bytes([_CONTROL]):
            control = data[start:end]
    return data[: _head(data)]


def gif_frames(data: bytes) -> Iterator[int]:
    """The offset of each frame of a GIF, to its end; bytes between blocks are passed over, as viewers do.

    Nothing is decoded: Pillow decodes all frames to count them.
    """
    return (start for kind, start, _ in _parts(data) if kind == _FRAME)


def _parts(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Kind, begin and end of each frame and extension; the end may be beyond that of the file."""
    position, blocks = _head(data), 0
    while found := _BLOCK.search(data, position):
        start = position = found.start()
        kind = data[start]
        if kind == _FRAME:
            position += 10 + _colours(data, position + 9) + 1
        elif kind == _EXTENSION:
            position += 2
        else:
            return
        while position < len(data) and data[position]:  # blocks of up to 255 bytes, the last one empty
            position += 1 + data[position]
            blocks += 1
        position += 1
        blocks += 1
        check_parts(blocks, "GIF blocks", _MAX_BLOCKS)
        yield kind, start, position


def _head(data: bytes) -> int:
    return 13 + _colours(data, 10)


def _colours(data: bytes, flags: int) -> int:
    """Bytes of the colour table that the flags at this offset describe."""
    packed = data[flags] if flags < len(data) else 0
    return 3 << (packed % 8 + 1) if packed & 0x80 else 0
