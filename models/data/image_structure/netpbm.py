"""PBM, PGM and PPM, in binary and in text: decoded here, because Pillow decodes most of them number by number."""

import re

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.data.image_structure.budget import Budget, UnreadableImage, check_parts

_BLANKS = b" \t\n\r\v\f"
_SPACE = re.compile(rb"\s*")
_COMMENT = re.compile(rb"#[^\r\n]*")
_NUMBER = re.compile(rb"\d{1,9}")
_NOT_TEXT = re.compile(rb"[^\d\s]")
_AT_ONCE = 2**18
_LONG = re.compile(rb"\d{6}")  # no number here has as many digits


def decoded(data: bytes, budget: Budget) -> Image.Image:
    """An 8-bit grey or RGB image; numbers up to the largest are scaled to 255.

    Raises:
      UnreadableImage: too many pixels or comments, truncated or damaged.
    """
    kind = data[1:2]
    bits, text = kind in b"14", kind in b"123"
    width, position = _number(data, 2)
    height, position = _number(data, position)
    largest, position = (1, position) if bits else _number(data, position)
    budget.check_pixels(width, height)
    if not 0 < largest < 2**16:
        raise UnreadableImage("damaged header: PPM")
    if width * height == 0:
        raise UnreadableImage("no pixels")
    shape = (height, width, 3) if kind in b"36" else (height, width)
    count = int(np.prod(shape))
    if text:
        values = _from_text(data[position:], bits, count)
    else:
        values = _from_bytes(data, position + 1, width if bits else 0, shape, largest)
    if len(values) < count:
        raise UnreadableImage("truncated")
    values = values[:count].reshape(shape)
    if bits:
        return Image.fromarray((1 - values.astype(np.uint8)) * np.uint8(255))
    return Image.fromarray(values.astype(np.uint8) if largest == 255 and not text else eight_bits(values, largest))


def _number(data: bytes, position: int) -> tuple[int, int]:
    """A number of the header and the offset after it."""
    comments = 0
    while True:
        position = _end(_SPACE.match(data, position))
        comment = _COMMENT.match(data, position)
        if comment is None:
            break
        comments, position = comments + 1, comment.end()
        check_parts(comments, "PPM comments")
    found = _NUMBER.match(data, position)
    if found is None:
        raise UnreadableImage("damaged header: PPM")
    return int(found[0]), found.end()


def _end(match: re.Match[bytes] | None) -> int:
    return match.end() if match else 0


def _from_text(text: bytes, bits: bool, count: int) -> NDArray[np.generic]:
    check_parts(text.count(b"#"), "PPM comments")
    text = _COMMENT.sub(b"", text)
    if _NOT_TEXT.search(text) or (not bits and _LONG.search(text)):
        raise UnreadableImage("damaged: its data cannot be decoded")
    if not bits:
        return np.fromstring(text, np.uint32, count=-1, sep=" ") if text.strip() else np.empty(0, np.uint32)
    return (np.frombuffer(text.translate(None, _BLANKS), np.uint8) - ord("0")).clip(0, 1)[:count]


def _from_bytes(data: bytes, start: int, width: int, shape: tuple[int, ...], largest: int) -> NDArray[np.generic]:
    """Numbers of one or two bytes or, in a bitmap of a ``width``, bits in rows of whole bytes."""
    row = (width + 7) // 8 if width else 0
    dtype = np.dtype(">u2") if largest > 255 else np.dtype(np.uint8)
    wanted = shape[0] * row if width else int(np.prod(shape))
    available = min(wanted, max(0, len(data) - start) // dtype.itemsize)
    values = np.frombuffer(data, dtype, available, start) if available else np.empty(0, dtype)
    if not width or available < wanted:
        return values[:0] if width else values
    return np.unpackbits(values.astype(np.uint8).reshape(shape[0], row), axis=1, count=width).reshape(-1)


def eight_bits(values: NDArray[np.generic], largest: int) -> NDArray[np.uint8]:
    """Numbers up to the largest, scaled to 255 and rounded; a part at once, without a second image of wider ones."""
    flat, scaled = values.reshape(-1), np.empty(values.size, np.uint8)
    for start in range(0, len(flat), _AT_ONCE):
        some = np.minimum(flat[start : start + _AT_ONCE].astype(np.uint32), largest)
        scaled[start : start + _AT_ONCE] = (some * 255 + largest // 2) // largest
    return scaled.reshape(values.shape)
