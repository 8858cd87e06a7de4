"""Image files made by tests: of the right structure, with whatever a test changes in it."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from models.data.image_formats import UnreadableImage, normalise

ROWS, COLUMNS = np.mgrid[0:24, 0:32]
GREY = (COLUMNS * 8).astype(np.uint8)
RGB = np.stack([COLUMNS * 8, ROWS * 10, COLUMNS + ROWS], axis=-1).astype(np.uint8)


def encoded(kind: str, image: np.ndarray | Image.Image = RGB, **options) -> bytes:
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def pixels(data: bytes, **limits) -> np.ndarray:
    """Of the normalised image."""
    with Image.open(io.BytesIO(normalise(data, **limits).data)) as image:
        return np.asarray(image)


def refusal(data: bytes, **limits) -> str:
    """The reason why an image is not read."""
    with pytest.raises(UnreadableImage) as caught:
        normalise(data, **limits)
    return caught.value.reason


def exif(number: int, length: int, orientation: int = 6) -> bytes:
    """An EXIF block with an orientation and a number of tags that are all of the same bytes."""
    entries = [struct.pack("<HHIHH", 0x112, 3, 1, orientation, 0)]
    entries += [struct.pack("<HHII", 0x8000 + tag, 7, length, 8) for tag in range(number)]
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + bytes(4)
