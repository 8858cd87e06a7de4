"""TIFF: directories, pages, strips and tiles, and numbers of any kind."""

import struct
import zlib

import numpy as np
import pytest
from crafted_images import GREY, RGB, encoded, pixels, refusal
from PIL import Image

from models.data.image_formats import normalise

FORMATS = {1: "B", 3: "H", 4: "I", 16: "Q"}
WIDE = GREY.astype(np.uint16) * 257


def file(
    pixels: bytes | list[bytes], order: str = "<", big: bool = False, following: int | None = 0, **tags: object
) -> bytes:
    """A grey image of 32x24 by default; ``tags`` are ``t<number>=(type, values)`` or ``(type, count, offset)``.

    Offsets in values and ``following``, the next directory, are of the file; 273 or 324 get those of ``pixels``.
    """
    strips = [pixels] if isinstance(pixels, bytes) else pixels
    entries: dict[int, tuple] = {
        256: (4, [32]), 257: (4, [24]), 258: (3, [8]), 259: (3, [1]), 262: (3, [1]), 277: (3, [1]), 278: (4, [24]),
        273: (4, [0] * len(strips)), 279: (4, [len(strip) for strip in strips]),
    }  # fmt: skip
    entries |= {int(name[1:]): value for name, value in tags.items()}
    entries = {tag: value for tag, value in entries.items() if value is not None}
    if 324 in entries:
        del entries[273], entries[279]
    inline, code = (8, "Q") if big else (4, "I")
    head = struct.pack(order + ("HHHQ" if big else "HI"), *((43, 8, 0, 16) if big else (42, 8)))
    start = len(head) + 2 + (8 if big else 2) + len(entries) * (4 + 2 * inline) + inline
    data = start + sum(len(value[1]) * 8 for value in entries.values() if len(value) == 2)
    packed, apart = b"", b""
    for tag, value in sorted(entries.items()):
        if len(value) == 3:
            packed += struct.pack(order + "HH" + code + code, tag, *value)
            continue
        kind, values = value
        if tag in (273, 324) and not any(values):
            values = [data + sum(map(len, strips[:number])) for number in range(len(strips))]
            values *= len(value[1]) // len(strips)
        body = struct.pack(f"{order}{len(values)}{FORMATS[kind]}", *values)
        if len(body) > inline:
            where, apart = struct.pack(order + code, start + len(apart)), apart + body
        else:
            where = body.ljust(inline, b"\0")
        packed += struct.pack(order + "HH" + code, tag, kind, len(values)) + where
    count = struct.pack(order + ("Q" if big else "H"), len(entries))
    whole = (b"II" if order == "<" else b"MM") + head + count + packed + struct.pack(order + code, following) + apart
    return whole.ljust(data, b"\0") + b"".join(strips)


@pytest.mark.parametrize(("order", "big"), [("<", False), (">", False), ("<", True)])
def test_what_is_read(order, big):
    np.testing.assert_array_equal(pixels(file(GREY.tobytes(), order, big)), GREY)
    two = [GREY[:12].tobytes(), GREY[12:].tobytes()]
    np.testing.assert_array_equal(pixels(file(two, order, big, t278=(4, [12]))), GREY)
    wide = WIDE.astype(f"{order}u2").tobytes()
    np.testing.assert_array_equal(pixels(file(wide, order, big, t258=(3, [16]))), GREY)
    tiles = [GREY[:16, :16], GREY[:16, 16:], *(np.pad(GREY[16:, x : x + 16], ((0, 8), (0, 0))) for x in (0, 16))]
    tiled = {"t322": (3, [16]), "t323": (3, [16]), "t324": (4, [0] * 4), "t325": (4, [256] * 4)}
    np.testing.assert_array_equal(pixels(file([tile.tobytes() for tile in tiles], order, big, **tiled)), GREY)
    planes = [np.ascontiguousarray(RGB[..., band]).tobytes() for band in range(3)]
    colours = {"t258": (3, [8] * 3), "t262": (3, [2]), "t277": (3, [3]), "t284": (3, [2])}
    np.testing.assert_array_equal(pixels(file(planes, order, big, **colours)), RGB)
    lines = [line.tobytes() for band in range(3) for line in RGB[..., band]]
    np.testing.assert_array_equal(pixels(file(lines, order, big, **colours, t278=(4, [1]))), RGB)


def test_white_may_be_zero():
    np.testing.assert_array_equal(pixels(file(GREY.tobytes(), t262=(3, [0]))), 255 - GREY)
    np.testing.assert_array_equal(pixels(file(WIDE.tobytes(), t258=(3, [16]), t262=(3, [0]))), 255 - GREY)
    bits = (GREY // 64 % 2).astype(np.uint8)
    packed = np.packbits(bits, axis=1).tobytes()
    np.testing.assert_array_equal(pixels(file(packed, t258=(3, [1]), t262=(3, [0]))), 255 - bits * 255)


def test_signed_numbers_are_scaled_from_their_largest():
    signed = {"t258": (3, [16]), "t339": (3, [2])}
    np.testing.assert_array_equal(pixels(file((WIDE // 2).tobytes(), **signed)), GREY)
    assert refusal(file(WIDE.tobytes(), **signed)) == "unsupported pixels: negative numbers"


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"t258": (3, [10])}, "unsupported pixels: 10 bits"),
        ({"t258": (3, [32])}, "unsupported pixels: 32-bit integers"),
        ({"t258": (3, [32]), "t339": (3, [3])}, "unsupported pixels: 32-bit float"),
        ({"t256": (4, [9000]), "t257": (4, [9000])}, "too many pixels: 9000x9000 > 50000000"),
        ({"t273": None}, "damaged header: TIFF"),
        ({"t322": (3, [0]), "t323": (3, [16]), "t324": (4, [0])}, "damaged header: TIFF"),
        ({"t322": (4, [9000]), "t323": (4, [9000]), "t324": (4, [0])}, "too many pixels: 9000x9000 > 50000000"),
        (
            {"t256": (4, [1]), "t257": (4, [90_000]), "t322": (4, [6000]), "t323": (4, [16]), "t324": (4, [0])},
            "too many pixels: 5625 tiles of 6000x16",
        ),

        ({"t273": (4, [8] * 17)}, "over budget: 17 TIFF strips where 1 have all pixels"),
        ({"t279": (4, [70_000_000])}, "over budget: TIFF strips longer than the file"),
        ({f"t{700 + number}": (7, 900, 8) for number in range(9)}, "over budget: TIFF tags longer than the file"),
    ],
)  # fmt: skip
def test_what_is_refused(tags, reason):
    assert refusal(file(bytes(4000), **tags)) == reason


def test_strips_are_counted():
    assert refusal(file(bytes(500_000), t273=(4, 100_001, 8))) == "over budget: more than 100000 TIFF strips"


def test_numbers_of_a_tag_are_counted():
    """Pillow makes an object of each."""
    assert refusal(file(bytes(3_000_000), t700=(3, 400_001, 8))) == "over budget: more than 400000 TIFF numbers"
    assert normalise(file(bytes(3_000_000), t700=(7, 900_000, 8), t701=(3, 300_000, 8))).format == "TIFF"


@pytest.mark.parametrize("tag", [34665, 34853])
def test_the_directories_below_are_checked_and_may_be_circles(tag):
    assert normalise(file(GREY.tobytes(), **{f"t{tag}": (4, [8])})).format == "TIFF"
    below = struct.pack("<H", 3) + b"".join(struct.pack("<HHII", 300 + number, 7, 900, 8) for number in range(3))
    plain = file(GREY.tobytes(), **{f"t{tag}": (4, [1])})
    data = file(GREY.tobytes(), **{f"t{tag}": (4, [len(plain)])}) + below + bytes(4)
    assert refusal(data) == "over budget: TIFF tags longer than the file"


def test_pages_that_follow_each_other_in_a_circle_are_counted_once():
    assert normalise(file(GREY.tobytes(), following=8), max_frames=1).format == "TIFF"
    pages = b"".join(struct.pack("<HI", 0, 8 + 6 * number) for number in range(2, 50))
    data = b"II*\0" + struct.pack("<I", 8) + struct.pack("<HI", 0, 14) + pages
    assert refusal(data, max_frames=20) == "too many frames: more than 20"


def test_entries_of_a_directory_are_counted():
    """Of a BigTIFF there may be millions, of one tag."""
    entries = struct.pack("<HHQQ", 256, 3, 1, 1) * 100_001
    data = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**60) + entries
    assert refusal(data) == "over budget: more than 100000 TIFF tags"


def scans(number: int, size: int) -> bytes:
    data = encoded("JPEG", Image.new("L", (size, size)), progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * (number - data.count(b"\xff\xda")) + b"\xff\xd9"


def test_the_scans_of_jpeg_strips_are_counted():
    page = {"t256": (4, [16]), "t257": (4, [16]), "t259": (3, [7]), "t278": (4, [16])}
    assert normalise(file(scans(20, 16), **page)).format == "TIFF"
    assert refusal(file(scans(21, 16), **page)) == "over budget: JPEG scans of so many pixels"
    larger = encoded("JPEG", Image.new("L", (9000, 9000)))
    assert refusal(file(larger, **page)) == "too many pixels: 9000x9000 > 50000000"


def test_strips_that_inflate_to_more_than_the_image_are_read_as_far_as_it_goes():
    surplus = zlib.compress(GREY.tobytes() + bytes(100_000_000))
    np.testing.assert_array_equal(pixels(file(surplus, t259=(3, [8]))), GREY)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "lzma", "zstd"])
def test_compressed_images_keep_their_pixels(compression):
    np.testing.assert_array_equal(pixels(encoded("TIFF", compression=compression)), RGB)


def test_a_colour_profile_of_any_size_is_passed_over():
    np.testing.assert_array_equal(pixels(encoded("TIFF", icc_profile=bytes(3_000_000))), RGB)


def test_a_directory_that_the_file_cuts_off_is_refused():
    whole = file(GREY.tobytes())
    for length in range(8, 122, 9):
        assert refusal(whole[:length]) in ("damaged header: TIFF", "truncated")


@pytest.mark.parametrize("where", [0, 10**9, 2**32 - 1])
def test_a_directory_below_that_is_not_there_does_not_matter(where):
    np.testing.assert_array_equal(pixels(file(GREY.tobytes(), t34665=(4, [where]))), GREY)
