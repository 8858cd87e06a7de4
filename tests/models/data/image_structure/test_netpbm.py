"""PBM, PGM and PPM: numbers, comments, and headers that are wrong."""

import numpy as np
import pytest
from crafted_images import GREY, RGB, pixels, refusal

from models.data.image_structure import netpbm

BITS = (GREY // 64 % 2).astype(np.uint8)


@pytest.mark.parametrize("blank", [b"", b" ", b"\r\n", b"\t"])
def test_bits_in_text(blank):
    rows = blank.join(b"%d" % bit for bit in 1 - BITS.reshape(-1))
    np.testing.assert_array_equal(pixels(b"P1 32 24\n" + rows), BITS * 255)


def test_comments_are_passed_over_wherever_they_are():
    rows = b"\n".join(b" ".join(b"%d" % value for value in row) + b" # row" for row in GREY)
    np.testing.assert_array_equal(pixels(b"P2 # grey\n#\n32 24 # size\n255 # most\n" + rows), GREY)


@pytest.mark.parametrize("kind", [b"P1", b"P2", b"P3"])
def test_comments_among_numbers_are_counted(kind):
    data = kind + b"\n300 300" + (b"" if kind == b"P1" else b" 9") + b"\n" + b"1 #\n" * 150_000
    assert refusal(data) == "over budget: more than 100000 PPM comments"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"P2 0 5 255\n", "no pixels"),
        (b"P2 2 2 0\n1 2 3 4", "damaged header: PPM"),
        (b"P2 2 2 65536\n1 2 3 4", "damaged header: PPM"),
        (b"P5 2 x 255\n1234", "damaged header: PPM"),
        (b"P2 2 2 255\n1 2 3", "truncated"),
        (b"P2 1 1 255\n", "truncated"),
        (b"P2 1 1 255", "truncated"),
        (b"P5 2 2 255\n123", "truncated"),
        (b"P4 9 2\n123", "truncated"),
        (b"P2 2 2 255\n1 2 3 x", "damaged: its data cannot be decoded"),
        (b"P2 2 2 255\n1 2 3 123456", "damaged: its data cannot be decoded"),
        (b"P2 9000 9000 255\n", "too many pixels: 9000x9000 > 50000000"),
        (b"P5 1 1000001 255\n", "too many pixels: 1x1000001 has a side of more than 1000000"),
    ],
)
def test_what_is_refused(data, reason):
    assert refusal(data) == reason


def test_bits_in_rows_of_whole_bytes():
    packed = np.packbits(1 - BITS[:, :27], axis=1)
    np.testing.assert_array_equal(pixels(b"P4 27 24\n" + packed.tobytes()), BITS[:, :27] * 255)


def test_numbers_beyond_the_largest_are_white_and_bytes_behind_the_image_do_not_count():
    np.testing.assert_array_equal(pixels(b"P2 2 1 100\n50 200 7 7"), [[128, 255]])
    np.testing.assert_array_equal(pixels(b"P6 32 24 255\n" + RGB.tobytes() + b"\n\n"), RGB)


def test_an_image_is_scaled_in_parts(monkeypatch):
    wide = GREY.astype(np.uint16) * 257
    whole = netpbm.eight_bits(wide, 65535)
    monkeypatch.setattr(netpbm, "_AT_ONCE", 7)
    np.testing.assert_array_equal(netpbm.eight_bits(wide, 65535), whole)
    np.testing.assert_array_equal(whole, GREY)
