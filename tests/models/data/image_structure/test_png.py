"""PNG: the chunks that its pixels need, their checksums, transparent colours, and data of another length."""

import struct
import zlib

import numpy as np
import pytest
from crafted_images import GREY, RGB, chunk, encoded, exif, pixels, refusal

from models.data import image_formats
from models.data.image_formats import normalise
from models.data.image_structure import png
from models.data.image_structure.budget import Budget

PNG = encoded("PNG")
BUDGET = Budget(50_000_000, 1)
WIDE = GREY.astype(np.uint16) * 257 + 3


def made(depth: int, kind: int, rows: np.ndarray, *chunks: bytes, interlaced: int = 0, after: bytes = b"") -> bytes:
    """32x24; ``rows`` are bytes, or 16-bit numbers."""
    wide = rows.astype(">u2") if rows.dtype == np.uint16 else rows
    lines = b"".join(b"\0" + line.tobytes() for line in wide.reshape(24, -1))
    return around(zlib.compress(lines) + after, depth, kind, *chunks, interlaced=interlaced)


def around(data: bytes, depth: int, kind: int, *chunks: bytes, interlaced: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", 32, 24, depth, kind, 0, 0, interlaced)
    parts = [chunk(b"IHDR", header), *chunks, chunk(b"IDAT", data), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def with_chunk(added: bytes) -> bytes:
    return PNG[:33] + added + PNG[33:]


def damaged(kind: bytes, body: bytes) -> bytes:
    """With a wrong checksum."""
    return chunk(kind, body)[:-4] + b"\0\0\0\0"


@pytest.mark.parametrize(
    "added",
    [
        damaged(b"tEXt", b"a\0b"), damaged(b"eXIf", exif(0, 0)), damaged(b"tRNS", bytes(6)),
        damaged(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x/>"), damaged(b"acTL", struct.pack(">II", 9, 0)),
    ],
    ids=["text", "exif", "transparency", "xmp", "animation"],
)  # fmt: skip
def test_a_chunk_beside_the_pixels_with_a_wrong_checksum_is_passed_over(added):
    assert normalise(with_chunk(added)).data == PNG


def test_a_wrong_checksum_of_what_every_decoder_needs_is_refused():
    palette = chunk(b"PLTE", bytes(6))
    assert refusal(made(8, 3, GREY // 128, palette[:-1] + b"x")).startswith("damaged")


@pytest.mark.parametrize(("depth", "key"), [(1, 1), (2, 1), (2, 2), (4, 7), (8, 40)])
def test_a_transparent_grey_of_any_depth(depth, key):
    levels = (GREY.astype(int) // 8 % 2**depth).astype(np.uint8)
    bits = (levels[..., None] >> np.arange(depth)[::-1]) & 1
    packed = np.packbits(bits.reshape(24, -1), axis=1)
    shown = np.where(levels == key, 255, levels.astype(int) * 255 // (2**depth - 1))
    np.testing.assert_array_equal(pixels(made(depth, 0, packed, chunk(b"tRNS", struct.pack(">H", key)))), shown)


def test_a_transparent_colour_of_sixteen_bits():
    shown = np.where(WIDE[0, 5] == WIDE, 255, GREY)
    np.testing.assert_array_equal(pixels(made(16, 0, WIDE, chunk(b"tRNS", struct.pack(">H", WIDE[0, 5])))), shown)
    wide = RGB.astype(np.uint16) * 256 + 7
    colour = chunk(b"tRNS", struct.pack(">HHH", *wide[3, 4]))
    shown = np.where((RGB[3, 4] == RGB).all(axis=-1, keepdims=True), 255, RGB)
    np.testing.assert_array_equal(pixels(made(16, 2, wide, colour)), shown)


@pytest.mark.parametrize("band", [1, 100, 2**20])
def test_transparency_is_composited_in_parts(monkeypatch, band):
    monkeypatch.setattr(image_formats, "_BAND", band)
    shown = np.where(GREY[..., None] < 128, RGB, 255)
    see_through = np.dstack([RGB, np.where(GREY < 128, 255, 0)]).astype(np.uint8)
    np.testing.assert_array_equal(pixels(made(8, 6, see_through)), shown)


def test_only_what_the_pixels_need_goes_on():
    added = chunk(b"eXIf", exif(0, 0, orientation=1)) + chunk(b"gAMA", bytes(4)) + chunk(b"iCCP", b"a\0\0" + bytes(9))
    needed = png.checked(with_chunk(added * 3), BUDGET)
    assert needed == with_chunk(chunk(b"eXIf", exif(0, 0, orientation=1)))
    assert png.checked(PNG, BUDGET) is PNG


@pytest.mark.parametrize(
    "text",
    [
        chunk(b"eXIf", bytes(140_000)),
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(bytes(140_000))),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(140_000))),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0no zlib"),
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"short")),
    ],
)  # fmt: skip
def test_longer_metadata_than_is_read_is_passed_over(text):
    assert png.checked(with_chunk(text), BUDGET) == PNG


def test_metadata_with_the_orientation_is_kept():
    packed = zlib.compress(b'<rdf tiff:Orientation="6"/>')
    turned = np.ascontiguousarray(np.rot90(RGB))
    data = encoded("PNG", turned)
    xmp = chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + packed)
    np.testing.assert_array_equal(pixels(data[:33] + xmp + data[33:]), RGB)
    np.testing.assert_array_equal(pixels(encoded("PNG", turned, exif=exif(2000, 20_000))), RGB)


def test_the_size_is_known_before_the_file_is_opened():
    data = bytearray(PNG)
    data[16:24] = struct.pack(">II", 2, 1_000_001)
    assert refusal(bytes(data)) == "too many pixels: 2x1000001 has a side of more than 1000000"
    data[16:24] = struct.pack(">II", 8000, 8000)
    assert refusal(bytes(data)) == "too many pixels: 8000x8000 > 50000000"


def test_empty_parts_of_the_pixels_do_not_go_on():
    start = PNG.index(b"IDAT") - 4
    assert png.checked(PNG[:start] + chunk(b"IDAT", b"") * 10 + PNG[start:], BUDGET) == PNG


def test_data_of_another_length_does_not_pass_as_it_is():
    rows = b"".join(b"\0" + line.tobytes() for line in RGB)
    for data in (zlib.compress(rows + b"\0"), zlib.compress(rows) + b"\0", zlib.compress(rows)[:-4]):
        whole = around(data, 8, 2)
        assert normalise(whole).data != whole
        np.testing.assert_array_equal(pixels(whole), RGB)
    assert refusal(around(zlib.compress(rows[:-200]), 8, 2)) == "truncated"
    assert refusal(around(zlib.compress(rows)[:-200], 8, 2)) == "truncated"


def test_surplus_data_is_not_inflated(monkeypatch):
    real, lengths = zlib.decompressobj(), []

    class Counted:
        def decompress(self, data: memoryview) -> bytes:
            lengths.append(len(inflated := real.decompress(data)))
            return inflated

    monkeypatch.setattr(zlib, "decompressobj", Counted)
    assert not png.is_exact(around(zlib.compress(bytes(100_000_000)), 8, 2))
    assert sum(lengths) < 20_000_000


@pytest.mark.parametrize(("kind", "array"), [(0, GREY), (2, RGB)])
@pytest.mark.parametrize("width", [1, 3, 32])
def test_an_interlaced_image_passes_as_it_is(kind, array, width):
    part = np.ascontiguousarray(array[:, :width])
    passes = [part[y::down, x::right] for x, y, right, down in png._PASSES]
    lines = b"".join(b"\0" + np.ascontiguousarray(line).tobytes() for some in passes if some.size for line in some)
    header = struct.pack(">IIBBBBB", width, 24, 8, kind, 0, 0, 1)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(parts)
    assert normalise(data).data == data
    np.testing.assert_array_equal(pixels(data), part)


def test_an_end_is_needed():
    assert refusal(PNG[:-12]) == "truncated"
    assert normalise(PNG + b"behind").data == PNG


def test_frames_are_counted_by_the_header():
    animated = chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
    assert refusal(with_chunk(animated)) == "too many frames: more than 1000"
