"""GIF: the first frame, found without decoding the others."""

import struct

import numpy as np
import pytest
from crafted_images import encoded, pixels, refusal
from PIL import Image

from models.data.image_structure import gif
from models.data.image_structure.budget import Budget

PALETTE = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
PALETTE.putpalette([10, 20, 30, 200, 100, 0, 5, 5, 250])
COLOURS = np.array([[[10, 20, 30], [200, 100, 0]], [[5, 5, 250], [200, 100, 0]]])


def test_bytes_between_blocks_are_passed_over():
    data = encoded("GIF", PALETTE)
    table = 13 + (3 << (data[10] % 8 + 1))
    for stray in (b"\0", b"\0\xff\0" * 100):
        np.testing.assert_array_equal(pixels(data[:table] + stray + data[table:]), COLOURS)
        np.testing.assert_array_equal(pixels(data[:-1] + stray + data[-1:] + stray), COLOURS)


def test_a_transparent_colour_belongs_to_the_first_frame():
    data = encoded("GIF", PALETTE, transparency=1, save_all=True, append_images=[Image.new("P", (2, 2))])
    assert (pixels(data)[:, 1] == 255).all()


def test_one_without_a_frame_or_end_is_refused():
    data = encoded("GIF", PALETTE)
    assert refusal(data[:13] + bytes(1000)) == "damaged header: GIF"
    shades = encoded("GIF", np.arange(256, dtype=np.uint8).reshape(16, 16))
    for length in range(len(shades) - 290, len(shades) - 2):
        assert refusal(shades[:length]) == "truncated"


def test_only_the_first_frame_goes_on():
    others = [Image.new("L", (2, 2), 50 * number) for number in range(3)]
    data = encoded("GIF", PALETTE, comment=b"note", save_all=True, append_images=others)
    first = gif.checked(data, Budget(1000, 4))
    assert sum(1 for _ in gif.gif_frames(first)) == 1
    assert b"note" not in first
    assert refusal(data, max_frames=3) == "too many frames: more than 3"


@pytest.mark.parametrize("parts", [b"\x21\x21\0" * 600_000, b"\x21\xfe" + b"\1a" * 600_000], ids=["extensions", "one"])
def test_blocks_are_counted(parts):
    assert refusal(b"GIF89a\2\0\2\0\0\0\0" + parts) == "over budget: more than 500000 GIF blocks"


def test_a_frame_beyond_the_canvas_counts():
    frame = b"," + struct.pack("<HHHH", 65_000, 65_000, 1, 1) + b"\0\2\2\x44\1\0;"
    assert refusal(b"GIF89a" + struct.pack("<HH", 1, 1) + b"\xf0\0\0" + bytes(6) + frame).startswith("too many pixels")
