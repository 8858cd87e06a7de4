"""JPEG: segments before the pixels, and the number of scans."""

import re

from models.data.image_structure.budget import Budget, check_parts, over_budget

_USUAL_SCANS, _MAX_SCANS = 20, 500  # an encoder's usual script has ten
_MAX_SCANNED = 1_000_000_000  # pixels times scans: a decoder visits all of them in each scan, also in an empty one
_FILL = b"\xff" * 4096  # between markers; Pillow begins again at its first byte whenever it has read more of it
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # neither a byte of pixels nor a restart
_EOI, _SOS = 0xD9, 0xDA
_ALONE = (0xD8, 0x01)  # no segment: another start, TEM
_APP0, _APP1, _APP14, _COM = 0xE0, 0xE1, 0xEE, 0xFE
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_BLOCKS = (b"Exif\0", b"http://ns.adobe.com/xap")  # where the orientation is, once each


def checked(data: bytes, budget: Budget, max_scans: int = _MAX_SCANS) -> bytes:
    """The JPEG without fill bytes, comments, colour profile and other segments that its pixels do not need.

    Raises:
      UnreadableImage: too many pixels, segments, scans or fill bytes.
    """
    kept, seen = [data[:2]], set[bytes]()
    position, parts, scans, pixels, components, begin = 2, 0, 0, 0, 0, 0
    several = False
    while found := _MARKER.search(data, position):
        start = found.start()
        marker, body = data[start + 1], start + 2
        if begin:
            _check_fill(data, position, start)
        position = body
        if marker == _EOI:
            break
        parts += 1
        check_parts(parts, "JPEG segments")
        if marker in _ALONE:
            continue
        position += max(2, int.from_bytes(data[body : body + 2], "big"))
        if marker == _SOS:
            scans, begin = scans + 1, begin or start
            several = several or data[body + 2 : body + 3] != bytes([components % 256])
            if not several and data.find(_FILL, position) < 0:  # the only one that a decoder reads
                break
            if scans > max_scans or (scans > _USUAL_SCANS and scans * pixels > _MAX_SCANNED):
                raise over_budget("JPEG scans of so many pixels")
            continue
        if marker in _FRAMES:
            height, width, components = _frame(data[body + 2 : body + 8])
            budget.check_pixels(width, height)
            pixels, several = max(pixels, width * height), several or marker in _PROGRESSIVE
        if not scans and (marker < _APP0 or _is_needed(marker, data[body + 2 : body + 26], seen)):
            kept.append(data[start:position])
    else:  # without an end
        _check_fill(data, position, len(data))
    return b"".join([*kept, memoryview(data)[begin:]]) if begin else b"".join(kept)


def _check_fill(data: bytes, start: int, end: int) -> None:
    if data.find(_FILL, start, end) >= 0:
        raise over_budget("JPEG fill bytes")


def is_common(data: bytes) -> bool:
    """Whether the frame of a checked JPEG is baseline, extended or progressive Huffman: what every decoder can read."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker in _FRAMES:
            return marker <= 0xC2
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return False


def _frame(body: bytes) -> tuple[int, int, int]:
    """Height, width and components."""
    return int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big"), int.from_bytes(body[5:6], "big")


def _is_needed(marker: int, beginning: bytes, seen: set[bytes]) -> bool:
    if marker == _APP1:
        block = next((block for block in _BLOCKS if beginning.startswith(block) and block not in seen), b"")
        seen.add(block)
        return block != b""
    return marker in (_APP0, _APP14) or marker > _COM
