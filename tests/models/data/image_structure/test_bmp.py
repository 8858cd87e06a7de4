"""BMP: pixels by the header, and run lengths."""

import struct

import numpy as np
import pytest
from crafted_images import RGB, encoded, pixels, refusal

PALETTE = bytes(value for level in range(256) for value in (level, level, level, 0))


def run_lengths(width: int, height: int, body: bytes) -> bytes:
    start = 54 + len(PALETTE)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + header + PALETTE + body


def test_run_lengths_are_read():
    body = b"".join(bytes([4, 10 * row]) + b"\0\0" for row in range(4)) + b"\0\1"
    np.testing.assert_array_equal(pixels(run_lengths(4, 4, body))[:, 0], [30, 20, 10, 0])


@pytest.mark.parametrize(
    ("width", "height", "length"), [(3000, 3000, 100), (100, 100, 4_100_000), (16_385, 10, 100)],
    ids=["pixels", "bytes", "width"],
)  # fmt: skip
def test_too_many_run_lengths_are_over_budget(width, height, length):
    assert refusal(run_lengths(width, height, bytes(length))).startswith("over budget: BMP run lengths")


def test_the_size_is_known_before_the_file_is_opened():
    assert refusal(run_lengths(8000, -8000, b"")).startswith("too many pixels: 8000x8000")


def test_the_oldest_header_is_read():
    rows = RGB[::-1, :, ::-1].tobytes()
    data = b"BM" + struct.pack("<IHHI", 26 + len(rows), 0, 0, 26) + struct.pack("<IHHHH", 12, 32, 24, 1, 24) + rows
    np.testing.assert_array_equal(pixels(data), RGB)
    np.testing.assert_array_equal(pixels(encoded("BMP")), RGB)
