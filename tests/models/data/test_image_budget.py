"""The budget of one image: files within every limit of size that cost a decoder unbounded time or memory."""

import io
import os
import resource
import struct
import subprocess
import time
import zlib
from contextlib import suppress

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from PIL import Image

from models.data import canonical_pixels
from models.data.image_formats import UnreadableImage, has_image_magic, normalise
from models.data.image_structure import heif
from models.settings import ImageSettings

RNG = np.random.default_rng(1)
RGB = RNG.integers(0, 256, (24, 32, 3), dtype=np.uint8)
FUZZ_SECONDS = float(os.environ.get("FUZZ_SECONDS", "20"))


def encoded(kind: str, image: Image.Image | None = None, **options) -> bytes:
    if kind == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    file = io.BytesIO()
    (image or Image.fromarray(RGB)).save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def run_lengths(width: int, height: int, body: bytes) -> bytes:
    """A BMP."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1078 + len(body), 0, 0, 1078) + header + bytes(range(256)) * 4 + body


def refusal(data: bytes, **limits) -> str:
    with pytest.raises(UnreadableImage) as caught:
        normalise(data, **limits)
    return caught.value.reason


def many(kind: str) -> bytes:
    """An image of a great many parts."""
    jpeg, png, gif, webp = (encoded(name) for name in ("JPEG", "PNG", "GIF", "WEBP"))
    table = 13 + (3 << (gif[10] % 8 + 1))
    n = 150_000
    return {
        "JPEG segments": jpeg[:2] + b"\xff\xe5\0\2" * n + jpeg[2:],
        "JPEG comments": jpeg[:2] + b"\xff\xfe\0\2" * n + jpeg[2:],
        "PNG chunks": png[:33] + chunk(b"aaAa", b"") * n + png[33:],
        "PNG empty pixels": png[:-12] + chunk(b"IDAT", b"") * n + png[-12:],
        "GIF comments": gif[:table] + b"\x21\xfe\x01a\0" * 2 * n + gif[table:],
        "WebP chunks": webp + b"ABCD\0\0\0\0" * n,
        "PPM comments": b"P3\n" + b"#a\n" * n + b"1 1 255\n1 2 3",
    }[kind]


@pytest.mark.parametrize(
    "kind",
    ["JPEG segments", "JPEG comments", "PNG chunks", "PNG empty pixels", "GIF comments", "WebP chunks", "PPM comments"],
)
def test_an_image_of_too_many_parts_is_over_budget(kind):
    assert refusal(many(kind)).startswith("over budget: ")


def test_surplus_scans_are_over_budget():
    data = encoded("JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    assert refusal(data[:-2] + data[last:-2] * 600 + b"\xff\xd9").startswith("over budget: JPEG scans")
    assert normalise(data).format == "JPEG"


def tiff(**changed) -> bytes:
    """An uncompressed 24x24 TIFF; ``strips`` are all of the same bytes, ``tags`` hold the entire file."""
    strips, tags = changed.get("strips", 1), changed.get("tags", 0)
    entries = [(256, 4, 1, 24), (257, 4, 1, 24), (258, 3, 1, changed.get("bits", 8)), (259, 3, 1, 1), (262, 3, 1, 1)]
    entries += [(277, 3, 1, 1), (278, 4, 1, 24)]
    start = 8 + 2 + (len(entries) + 2 + tags) * 12 + 4
    if strips == 1:
        entries += [(273, 4, 1, start), (279, 4, 1, 576)]
        body = bytes(576)
    else:
        entries += [(273, 4, strips, start), (279, 4, strips, start + 4 * strips)]
        body = struct.pack("<I", 8) * strips + struct.pack("<I", 576) * strips + bytes(576)
    entries += [(60000 + number, 7, 900, 8) for number in range(tags)]
    packed = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + packed + bytes(4) + body


def test_tiff_strips_and_tags_of_the_same_bytes_are_over_budget():
    assert normalise(tiff()).format == "TIFF"
    assert refusal(tiff(strips=1000)).startswith("over budget: 1000 TIFF strips where 1")
    assert refusal(tiff(tags=100)) == "over budget: TIFF tags longer than the file"
    assert refusal(tiff(bits=10)) == "unsupported pixels: 10 bits"


def test_pages_are_counted_without_reading_them():
    data = encoded("TIFF", save_all=True, append_images=[Image.fromarray(RGB)] * 5)
    assert refusal(data, max_frames=5).startswith("too many frames")


@pytest.mark.parametrize("grey", [True, False])
def test_surplus_pixels_of_a_png_are_neither_inflated_nor_passed_on(grey):
    header = struct.pack(">IIBBBBB", 24, 24, 8, 0 if grey else 2, 0, 0, 0)
    pixels = zlib.compress(bytes((1 + 24 * (1 if grey else 3)) * 24) + bytes(200_000_000))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    result = normalise(data)
    assert (result.format, result.width, len(result.data) < 1000) == ("PNG", 24, True)


@pytest.mark.parametrize("extra", ["text", "xmp", "profile", "private"])
def test_large_metadata_of_a_png_is_passed_over(extra):
    png, large = encoded("PNG"), zlib.compress(b" " * 2_000_000)
    added = {
        "text": chunk(b"zTXt", b"note\0\0" + large),
        "xmp": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + large),
        "profile": chunk(b"iCCP", b"icc\0\0" + large),
        "private": chunk(b"prVt", bytes(3_000_000)),
    }[extra]
    assert normalise(png[:33] + added + png[33:]).data == normalise(png).data


@pytest.mark.parametrize("maximum", [1, 15, 255, 1023, 65535])
@pytest.mark.parametrize("text", [True, False])
def test_pnm_numbers_are_scaled_from_their_largest(maximum, text):
    values = [0, maximum // 2, maximum]
    raw = np.array(values, ">u2" if maximum > 255 else "u1").tobytes()
    body = " ".join(map(str, values)).encode() if text else raw
    data = b"P%d #c\n3 1 %d\n" % (2 if text else 5, maximum) + body
    with Image.open(io.BytesIO(normalise(data).data)) as image:
        assert list(image.getdata()) == [0, (maximum // 2 * 255 + maximum // 2) // maximum, 255]


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_few_bits_stored_in_sixteen_are_dim(bits, kind):
    values = np.linspace(0, 2**bits - 1, 256).reshape(16, 16).astype(np.uint16)
    with Image.open(io.BytesIO(normalise(encoded(kind, Image.fromarray(values))).data)) as image:
        assert canonical_pixels.is_dim(np.asarray(image))
    with Image.open(io.BytesIO(normalise(encoded(kind, Image.fromarray(values << (16 - bits)))).data)) as image:
        assert not canonical_pixels.is_dim(np.asarray(image))


def test_padding_is_no_part_of_the_range():
    padded = np.full((16, 16, 1), 255, np.uint8)
    padded[:, 4:12] = 3
    image = ImageSettings(height=16, width=16, fit="pad")
    assert canonical_pixels.is_dim(canonical_pixels.without_padding(padded, 32, 16, image))


@pytest.mark.parametrize("kind", ["HEIC", "AVIF"])
def test_heic_and_avif_are_read(kind):
    data = encoded("HEIF" if kind == "HEIC" else "AVIF", quality=95)
    result = normalise(data)
    assert (result.format, result.width, result.height) == (kind, 32, 24)
    assert has_image_magic(data[:32])
    assert refusal(data, max_pixels=100).startswith("too many pixels: 32x24")
    assert refusal(data[: len(data) // 2]).startswith(("damaged", "truncated"))


@pytest.mark.parametrize(("signals", "read"), [([9], True), ([15], True), ([9, 9], False), ([11, 11], False)])
def test_a_decoder_that_is_killed_by_chance_costs_no_image(monkeypatch, signals, read):
    data, left, run = encoded("HEIF"), list(signals), subprocess.run

    def killed(command, **options):
        return subprocess.CompletedProcess(command, -left.pop(0), b"", b"") if left else run(command, **options)

    monkeypatch.setattr(heif.subprocess, "run", killed)
    if read:
        assert normalise(data).format == "HEIC"
    else:
        assert refusal(data)
    assert left == []


def test_without_its_package_the_reason_names_the_extra(monkeypatch):
    monkeypatch.setattr(heif, "find_spec", lambda name: None)
    assert "siamese-pipeline[heif]" in refusal(encoded("HEIF"))


KINDS = ["JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP", "PPM", "HEIF", "AVIF"]
SEE_THROUGH = Image.fromarray(np.dstack([RGB, RGB[..., :1]]))
WIDE = Image.fromarray(RGB[..., 0].astype(np.uint16) * 257)
PALETTE, CMYK, BITS = (Image.fromarray(RGB).convert(mode) for mode in ("P", "CMYK", "1"))
TURNED = Image.Exif()
TURNED[0x0112] = 6
SEVERAL = {"save_all": True, "append_images": [Image.fromarray(255 - RGB)]}
VARIANTS = {
    "JPEG": [{"progressive": True}, {"exif": TURNED, "comment": b"a"}, {"image": CMYK}, {"restart_marker_blocks": 1}],
    "PNG": [
        {"image": SEE_THROUGH}, {"image": WIDE}, {"image": PALETTE, "transparency": 3}, {"image": BITS},
        {"exif": TURNED}, SEVERAL,
    ],
    "GIF": [{"image": PALETTE, "transparency": 3}, {"interlace": 1}, SEVERAL],
    "TIFF": [
        {"compression": name} for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "lzma", "zstd")
    ] + [
        {"image": BITS, "compression": "group4"}, {"image": WIDE}, {"image": PALETTE}, {"image": CMYK},
        {"image": SEE_THROUGH}, {"big_tiff": True}, {"exif": TURNED}, SEVERAL,
    ],
    "WEBP": [{"lossless": True, "exif": TURNED}, {"image": SEE_THROUGH}, {"lossless": True, **SEVERAL}],
    "BMP": [{"image": PALETTE}, {"image": BITS}, {"image": SEE_THROUGH}],
    "PPM": [{"image": BITS}, {"image": WIDE}],
    "HEIF": [{"image": SEE_THROUGH}],
    "AVIF": [{"image": SEE_THROUGH, "exif": TURNED}, SEVERAL],
}  # fmt: skip
WHOLE = [encoded(kind, **options) for kind in KINDS for options in ({}, *VARIANTS[kind])]
WHOLE += [b"P2 # text\n4 2 99\n1 2 3 4 5 6 7 99", b"P1 4 2\n1011 0001", b"P3 2 1 255 1 2 3 4 5 6"]
WHOLE += [run_lengths(4, 4, b"\4\7\0\0" * 4 + b"\0\1")]


def test_mutated_files_are_refused_or_read_within_the_budget():
    """FUZZ_SECONDS=600 for the long run (``make test-fuzz``)."""
    end = time.monotonic() + FUZZ_SECONDS
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    @settings(max_examples=50, database=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(WHOLE), st.data())
    def mutated(whole, draw):
        data = bytearray(whole)
        for _ in range(draw.draw(st.integers(1, 6))):
            at, length = draw.draw(st.integers(0, len(data))), draw.draw(st.integers(0, 16))
            how = draw.draw(st.sampled_from(["bytes", "cut", "repeat"]))
            if how == "repeat":
                data[at:at] = data[at : at + length] * draw.draw(st.sampled_from([1, 100, 5000]))
            else:
                data[at : at + length] = draw.draw(st.binary(max_size=length)) if how == "bytes" else b""
        started = time.monotonic()
        try:
            result = normalise(bytes(data), max_pixels=4_000_000)
            with suppress(tf.errors.InvalidArgumentError):
                canonical_pixels.decode(tf.constant(result.data), ImageSettings(height=8, width=8, channels=3))
        except UnreadableImage as error:
            assert 0 < len(error.reason) < 200  # noqa: PT017 - either outcome is right
        assert time.monotonic() - started < 20

    rounds = 0 if FUZZ_SECONDS <= 20 else time.time_ns()  # the same images in each run of the suite
    while time.monotonic() < end:
        rounds += 1
        seed(rounds)(mutated)()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1024**2  # KB
