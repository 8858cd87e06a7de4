"""PNG: chunks beside the pixels, and pixels that inflate to more than the image has."""

import zlib
from collections.abc import Iterator

from models.data.image_structure.budget import MAX_METADATA, Budget, UnreadableImage, check_parts

_SIGNATURE = 8
_SLICE = 16 * 1024  # inflated at once: to 17 MB at most
_PIXELS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"})
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_KEYWORDS = (b"XML:com.adobe.xmp", b"Raw profile type exif")  # where the orientation may be
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def checked(data: bytes, budget: Budget) -> bytes:
    """The PNG with only the chunks of its pixels and its orientation.

    Raises:
      UnreadableImage: too many pixels or chunks.
    """
    budget.check_pixels(int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"))
    kept, seen, end = [data[:_SIGNATURE]], set[bytes](), _SIGNATURE
    for kind, start, end in _chunks(data):
        body = memoryview(data)[start + 8 : end - 4]
        if _is_needed(kind, body, seen) and (kind[:1].isupper() or _is_sound(data, start, end)):
            chunk = data[start:end]
            kept.append(chunk if kind != b"tRNS" else _transparent(data[24], data[25], chunk))
        if kind == b"IEND":
            break
    else:
        kept.append(data[end:])  # truncated, or no chunk
    needed = b"".join(kept)
    return needed if needed != data else data


def check_sums(data: bytes) -> None:
    """Raises UnreadableImage for a wrong checksum or a missing end, which Pillow passes over and others do not."""
    chunks = list(_chunks(data))
    for _, start, end in chunks:
        if not _is_sound(data, start, end):
            raise UnreadableImage("damaged: wrong checksum")
    if not chunks or chunks[-1][0] != b"IEND":
        raise UnreadableImage("truncated")


def _is_sound(data: bytes, start: int, end: int) -> bool:
    return zlib.crc32(memoryview(data)[start + 4 : end - 4]) == int.from_bytes(data[end - 4 : end], "big")


def _transparent(depth: int, kind: int, chunk: bytes) -> bytes:
    """A chunk tRNS with a colour for 8-bit pixels: Pillow converts pixels of other depths, but not this colour."""
    if (kind, depth, len(chunk)) in ((0, 2, 14), (0, 4, 14)):
        colour = bytes([0, chunk[9] * 255 // (2**depth - 1) % 256])
    elif (kind, depth, len(chunk)) == (2, 16, 18):
        colour = bytes([0, chunk[8], 0, chunk[10], 0, chunk[12]])
    else:
        return chunk
    named = chunk[4:8] + colour
    return chunk[:4] + named + zlib.crc32(named).to_bytes(4, "big")


def has_orientation(data: bytes) -> bool:
    """Whether a checked PNG has a chunk that may hold an orientation."""
    return any(kind == b"eXIf" or kind in _TEXTS for kind, _, _ in _chunks(data))


def is_exact(data: bytes) -> bool:
    """Whether the pixels of an 8-bit grey or RGB PNG inflate to as many bytes as it has, neither less nor more.

    Other decoders inflate whatever there is; so this is also the check that the file is complete.
    """
    wanted, inflater = _inflated_size(data), zlib.decompressobj()
    for kind, start, end in _chunks(data):
        if kind != b"IDAT":
            continue
        for position in range(start + 8, end - 4, _SLICE):
            try:
                wanted -= len(inflater.decompress(memoryview(data)[position : min(position + _SLICE, end - 4)]))
            except zlib.error:
                return False
            if wanted < 0:
                return False
    return wanted == 0 and inflater.eof and not inflater.unused_data


def _inflated_size(data: bytes) -> int:
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    channels, passes = {0: 1, 2: 3}[data[25]], _PASSES if data[28] else ((0, 0, 1, 1),)
    sizes = [((width - x + right - 1) // right, (height - y + down - 1) // down) for x, y, right, down in passes]
    return sum(rows * (1 + columns * channels) for columns, rows in sizes if columns > 0)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, begin and end of each complete chunk."""
    position, parts = _SIGNATURE, 0
    while position + 12 <= len(data):
        end = position + 12 + int.from_bytes(data[position : position + 4], "big")
        if end > len(data):
            return
        parts += 1
        check_parts(parts, "PNG chunks")
        yield data[position + 4 : position + 8], position, end
        position = end


def _is_needed(kind: bytes, body: memoryview, seen: set[bytes]) -> bool:
    if kind in _PIXELS:
        return kind != b"IDAT" or len(body) > 0
    if kind[:1].isupper():  # a critical chunk that no decoder knows: each decides by itself
        return True
    if len(body) > MAX_METADATA:
        return False
    what = kind if kind == b"eXIf" else bytes(body[:32]).partition(b"\0")[0] if kind in _TEXTS else b""
    if what in seen or (what != b"eXIf" and what not in _KEYWORDS) or _inflates_beyond(kind, bytes(body)):
        return False
    seen.add(what)
    return True


def _inflates_beyond(kind: bytes, body: bytes) -> bool:
    """Whether the text of a chunk is longer than a decoder should be asked for."""
    compressed = body.partition(b"\0")[2]
    if kind == b"iTXt":
        compressed = compressed[2:].partition(b"\0")[2].partition(b"\0")[2] if compressed[:1] == b"\1" else b""
    elif kind == b"zTXt":
        compressed = compressed[1:]
    else:
        compressed = b""
    try:
        return len(zlib.decompressobj().decompress(compressed, MAX_METADATA + 1)) > MAX_METADATA
    except zlib.error:
        return True
