"""JPEG: segments, scans and fill bytes; orientation, and what is left out."""

import io
import struct

import numpy as np
import pytest
from crafted_images import RGB, encoded, exif, pixels, refusal
from PIL import Image

from models.data.image_formats import UnreadableImage, normalise
from models.data.image_structure import jpeg
from models.data.image_structure.budget import Budget

JPEG = encoded("JPEG", quality=95)
SCAN = JPEG.index(b"\xff\xda")
FRAME = JPEG.index(b"\xff\xc0")
BUDGET = Budget(50_000_000, 1)


def progressive(scans: int, size: int = 16) -> bytes:
    """Of one shade, with this number of scans, and a size that its header has."""
    data = encoded("JPEG", Image.new("L", (16, 16)), progressive=True)
    frame = data.index(b"\xff\xc2") + 5
    data = data[:frame] + struct.pack(">HH", size, size) + data[frame + 4 :]
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * (scans - data.count(b"\xff\xda")) + b"\xff\xd9"


def with_frame(marker: int, height: int = 24, width: int = 32) -> bytes:
    body = JPEG[FRAME + 2 : FRAME + 5] + struct.pack(">HH", height, width) + JPEG[FRAME + 9 :]
    return JPEG[:FRAME] + bytes([0xFF, marker]) + body


@pytest.mark.parametrize("alone", [b"\xff\xd8", b"\xff\x01", b"\xff\xe5\0\2"])
def test_markers_are_counted(alone):
    assert refusal(JPEG[:2] + alone * 150_000 + JPEG[2:]) == "over budget: more than 100000 JPEG segments"


def test_scans_are_counted():
    assert normalise(progressive(500)).format == "JPEG"
    assert refusal(progressive(501)).startswith("over budget: JPEG scans")


def test_scans_of_a_large_image_are_counted_by_their_pixels():
    large = progressive(21, 7000)
    assert refusal(large).startswith("over budget: JPEG scans")
    assert jpeg.checked(progressive(20, 20_000), Budget(400_000_000, 1))  # an encoder's script, whatever the size
    assert jpeg.checked(progressive(21, 6000), BUDGET)


def test_sequential_scans_count_where_a_scan_has_some_of_the_components():
    one = b"\xff\xda\0\x08\1\1\0\0\x3f\0" + b"\0" * 50
    assert refusal(JPEG[:SCAN] + one * 501 + b"\xff\xd9").startswith("over budget: JPEG scans")


@pytest.mark.parametrize("end", [b"\xff\xd9", b""])
@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_fill_bytes_among_the_pixels_are_over_budget(options, end):
    data = encoded("JPEG", **options)[:-2]
    assert refusal(data + b"\xff" * 5000 + end) == "over budget: JPEG fill bytes"


def test_fill_bytes_elsewhere_are_passed_over():
    for data in (JPEG + b"\xff" * 5000, JPEG[:2] + b"\xff" * 5000 + JPEG[2:], JPEG[:-2] + b"\xff" * 9 + JPEG[-2:]):
        np.testing.assert_array_equal(pixels(data), pixels(JPEG))


def test_the_size_is_known_before_the_file_is_opened():
    with pytest.raises(UnreadableImage, match="too many pixels"):
        jpeg.checked(with_frame(0xC0, 60_000, 60_000), BUDGET)


def test_only_what_the_pixels_need_goes_on():
    data = encoded("JPEG", icc_profile=bytes(200_000), comment=b"note", exif=b"Exif\0\0" + exif(0, 0))
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", 20) + b"Exif\0\0" + bytes(12) + data[2:]
    needed = jpeg.checked(data, BUDGET)
    assert (needed.count(b"Exif\0"), b"note" in needed, len(needed) < 10_000) == (1, False, True)


def test_orientation_is_undone_where_a_block_has_many_tags_of_the_same_bytes():
    turned = np.ascontiguousarray(np.rot90(RGB))
    data = encoded("JPEG", turned, quality=95, exif=(b"Exif\0\0" + exif(2000, 24_000)).ljust(60_000, b"\0"))
    assert pixels(data).shape == RGB.shape


@pytest.mark.parametrize("profile", [100, 60_000, 3_000_000])
def test_a_colour_profile_of_any_size_is_passed_over(profile):
    data = encoded("JPEG", icc_profile=bytes(profile))
    assert len(jpeg.checked(data, BUDGET)) < 10_000
    assert normalise(data).data is data


def test_only_what_every_decoder_reads_passes_as_it_is():
    assert normalise(JPEG).data is JPEG
    arithmetic = normalise(with_frame(0xC9))  # coding
    with Image.open(io.BytesIO(arithmetic.data)) as image:
        assert image.format == "PNG"


@pytest.mark.parametrize("first", [JPEG, encoded("JPEG", progressive=True)])
def test_a_second_image_behind_the_first_does_not_count(first):
    other = encoded("JPEG", Image.new("RGB", (3000, 3000)))
    np.testing.assert_array_equal(pixels(first + b"\0\2" + other, max_pixels=1000), pixels(first))


@pytest.mark.parametrize("transform", [0, 2])
def test_the_colours_that_the_marker_of_adobe_names(transform):
    data = bytearray(encoded("JPEG", Image.fromarray(RGB).convert("CMYK"), quality=95))
    data[data.index(b"Adobe") + 11] = transform
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(pixels(bytes(data)), np.asarray(image.convert("RGB")))
