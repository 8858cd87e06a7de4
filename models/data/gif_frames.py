"""The frames of a GIF, found without decoding them: Pillow decodes all frames to count them."""

from collections.abc import Iterator


def gif_frames(data: bytes) -> Iterator[int]:
    """The offset of each frame of a GIF, to its end or the first byte that is no block (GIF89a, 15 to 23)."""
    position = 13 + _colours(data, 10)
    while position < len(data):
        kind = data[position]
        if kind == 0x2C:
            yield position
            position += 10 + _colours(data, position + 9) + 1
        elif kind == 0x21:
            position += 2
        else:
            return
        while position < len(data) and data[position]:  # blocks of up to 255 bytes, the last one empty
            position += 1 + data[position]
        position += 1


def _colours(data: bytes, flags: int) -> int:
    """Bytes of the colour table that the flags at an offset describe."""
    packed = data[flags] if flags < len(data) else 0
    return 3 << (packed % 8 + 1) if packed & 0x80 else 0
