"""WebP: the size of the canvas, which a decoder allocates at once, and the number of chunks and frames."""

from models.data.image_structure.budget import Budget, check_parts


def checked(data: bytes, budget: Budget) -> bytes:
    """The same bytes.

    Raises:
      UnreadableImage: too many pixels, frames or chunks.
    """
    position, parts, frames = 12, 0, 0
    while position + 8 <= len(data):
        kind, body = data[position : position + 4], data[position + 8 : position + 18]
        budget.check_pixels(*_size(kind, body))
        parts, frames = parts + 1, frames + (kind == b"ANMF")
        budget.check_frames(frames)
        check_parts(parts, "WebP chunks")
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        position += 8 + length + length % 2
    return data


def _size(kind: bytes, body: bytes) -> tuple[int, int]:
    def number(start: int, end: int) -> int:
        return int.from_bytes(body[start:end], "little")

    if kind == b"VP8X":
        return 1 + number(4, 7), 1 + number(7, 10)
    if kind == b"VP8L":
        return 1 + (number(1, 5) & 0x3FFF), 1 + (number(1, 5) >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        return number(6, 8) & 0x3FFF, number(8, 10) & 0x3FFF
    return 0, 0
