"""WebP: the canvas of each of its forms, frames and chunks."""

import struct
import tracemalloc

import numpy as np
import pytest
from crafted_images import RGB, encoded, exif, normalise, pixels, refusal
from PIL import Image

from models.data.image_structure import webp
from models.data.image_structure.budget import Budget, UnreadableImage

LOSSLESS = encoded("WEBP", lossless=True)
SIZES = {
    b"VP8X": bytes(4) + (8191).to_bytes(3, "little") * 2,
    b"VP8L": b"\x2f" + (8191 | 8191 << 14).to_bytes(4, "little"),
    b"VP8 ": bytes(3) + b"\x9d\x01\x2a" + struct.pack("<HH", 8192, 8192),
}


def file(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def part(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


@pytest.mark.parametrize("kind", list(SIZES))
def test_the_size_is_known_before_the_file_is_opened(kind):
    with pytest.raises(UnreadableImage, match="too many pixels: 8192x8192"):
        webp.checked(file(part(kind, SIZES[kind])), Budget(8192 * 8192 - 1, 1))
    assert webp.checked(file(part(kind, SIZES[kind])), Budget(8192 * 8192, 1))


def test_frames_are_counted_before_the_file_is_opened():
    with pytest.raises(UnreadableImage, match="too many frames: more than 3"):
        webp.checked(file(part(b"VP8X", bytes(10)), *[part(b"ANMF", bytes(17))] * 4), Budget(100, 3))


def test_chunks_are_counted():
    assert refusal(LOSSLESS + b"ABCD\0\0\0\0" * 100_000) == "over budget: more than 100000 WebP chunks"
    np.testing.assert_array_equal(pixels(LOSSLESS + b"ABCD\1\0\0\0a\0" * 1000), RGB)


@pytest.mark.parametrize("options", [{"icc_profile": bytes(3_000_000)}, {"xmp": b"<x/>" * 500_000}])
def test_metadata_of_any_size_is_passed_over(options):
    np.testing.assert_array_equal(pixels(encoded("WEBP", lossless=True, **options)), RGB)


def test_orientation_is_undone_where_a_block_has_many_tags_of_the_same_bytes():
    turned = np.ascontiguousarray(np.rot90(RGB))
    data = encoded("WEBP", turned, lossless=True, exif=exif(4000, 60_000).ljust(200_000, b"\0"))
    np.testing.assert_array_equal(pixels(data), RGB)


def test_a_longer_block_is_not_read_to_its_end():
    data = encoded("WEBP", lossless=True, exif=exif(300, 900_000, orientation=1).ljust(1_000_000, b"\0"))
    tracemalloc.start()
    np.testing.assert_array_equal(pixels(data), RGB)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 50_000_000


def test_an_animation_is_its_first_frame():
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    data = encoded("WEBP", frames[0], save_all=True, append_images=frames[1:], lossless=True)
    assert (normalise(data).format, tuple(pixels(data)[0, 0])) == ("WEBP", (255, 0, 0))
