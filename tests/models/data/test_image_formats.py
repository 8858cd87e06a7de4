"""Container normalisation: what passes, what is turned upright and flattened, what is refused and why."""

import io
import struct
import zlib
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin

from models.data.image_formats import UnreadableImage, normalise
from models.data.image_structure.gif import gif_frames

SHAPE = (6, 9)
RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, SHAPE, dtype=np.uint8)
RGB = RNG.integers(0, 256, (*SHAPE, 3), dtype=np.uint8)


def encoded(image: Image.Image, container: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, container, **options)
    return file.getvalue()


def pixels(data: bytes, **limits) -> np.ndarray:
    """The normalised image's pixels, having checked that it is what is promised."""
    result = normalise(data, **limits)
    with Image.open(io.BytesIO(result.data)) as image:
        assert image.mode in ("L", "RGB")
        assert image.format in ("PNG", "JPEG")
        assert image.size == (result.width, result.height)
        assert image.getexif().get(0x0112, 1) == 1
        return np.asarray(image)


def png_header(width: int, height: int) -> bytes:
    """A PNG that announces a size and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("array", [GREY, RGB])
@pytest.mark.parametrize(
    ("container", "options"), [("PNG", {}), ("JPEG", {}), ("JPEG", {"progressive": True}), ("JPEG", {"quality": 100})]
)
def test_plain_image_passes_byte_for_byte(array, container, options):
    data = encoded(Image.fromarray(array), container, **options)
    result = normalise(data)
    assert result.data is data
    assert result[1:] == (container, SHAPE[1], SHAPE[0], 0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("container", ["PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_undone(orientation, container):
    stored = {
        1: RGB,
        2: RGB[:, ::-1],
        3: RGB[::-1, ::-1],
        4: RGB[::-1],
        5: RGB.transpose(1, 0, 2),
        6: np.rot90(RGB, 1),
        7: RGB[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(RGB, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"lossless": True} if container == "WEBP" else {}
    data = encoded(Image.fromarray(np.ascontiguousarray(stored)), container, exif=exif, **lossless)
    np.testing.assert_array_equal(pixels(data), RGB)


def test_rotated_jpeg_stands_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = np.zeros((32, 16), np.uint8)
    upright[:16] = 255  # white above black
    data = encoded(Image.fromarray(np.ascontiguousarray(np.rot90(upright))), "JPEG", exif=exif, quality=95)
    np.testing.assert_allclose(pixels(data), upright, atol=4)


def test_cmyk_becomes_rgb():
    data = encoded(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "JPEG", quality=100)
    assert np.abs(pixels(data).astype(int) - (0, 255, 255)).max() <= 3


@pytest.mark.parametrize("container", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_scaled_not_clipped(container):
    wide = np.array([[0, 128, 257, 25700, 65407, 65535]], np.uint16)
    np.testing.assert_array_equal(pixels(encoded(Image.fromarray(wide), container)), [[0, 0, 1, 100, 255, 255]])


def test_palette_becomes_its_colours():
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
    image.putpalette([10, 20, 30, 200, 100, 0, 5, 5, 250])
    expected = [[[10, 20, 30], [200, 100, 0]], [[5, 5, 250], [200, 100, 0]]]
    for container in ("PNG", "GIF", "BMP"):
        np.testing.assert_array_equal(pixels(encoded(image, container)), expected)


def test_alpha_is_composited_on_white():
    rgba = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 128]]], np.uint8)
    np.testing.assert_array_equal(
        pixels(encoded(Image.fromarray(rgba), "PNG")), [[[10, 20, 30], [255, 255, 255], [127, 127, 127]]]
    )
    grey = np.array([[[0, 255], [0, 0], [0, 128]]], np.uint8)
    np.testing.assert_array_equal(pixels(encoded(Image.fromarray(grey, "LA"), "PNG")), [[0, 255, 127]])


def test_a_transparent_colour_is_white():
    data = encoded(Image.fromarray(np.array([[7, 200]], np.uint8)), "PNG", transparency=7)
    np.testing.assert_array_equal(pixels(data), [[255, 200]])


@pytest.mark.parametrize("container", ["PNG", "TIFF", "BMP", "PPM"])
def test_one_bit_is_black_and_white(container):
    bits = GREY > 127
    np.testing.assert_array_equal(pixels(encoded(Image.fromarray(bits), container)), bits * np.uint8(255))


@pytest.mark.parametrize(
    ("container", "options"),
    [("PPM", {}), ("BMP", {}), ("TIFF", {"compression": "tiff_lzw"}), ("WEBP", {"lossless": True})],
)
def test_lossless_containers_keep_their_pixels(container, options):
    data = encoded(Image.fromarray(RGB), container, **options)
    assert normalise(data).format == container
    np.testing.assert_array_equal(pixels(data), RGB)


@pytest.mark.parametrize(
    ("container", "options"), [("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})]
)
def test_the_first_frame_of_an_animation_counts(container, options):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    data = encoded(frames[0], container, save_all=True, append_images=frames[1:], **options)
    assert (pixels(data) == (255, 0, 0)).all()


def test_only_the_pixels_are_encoded_again():
    data = encoded(Image.fromarray(GREY > 127), "PNG", icc_profile=b"profile" * 100)
    with Image.open(io.BytesIO(normalise(data).data)) as image:
        assert image.info == {}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"no image at all", "not an image of an allowed format (JPEG, PNG, BMP, GIF, TIFF, WEBP, PPM)"),
        (b"RIFF\0\0\0\0WAVE", "not an image of an allowed format (JPEG, PNG, BMP, GIF, TIFF, WEBP, PPM)"),
        (b"\x89PNG\r\n\x1a\nrubbish", "damaged header: PNG"),
        (encoded(Image.fromarray(RGB), "JPEG")[:-40], "truncated"),
        (encoded(Image.fromarray(RGB), "PNG")[:-40], "truncated"),
        (encoded(Image.fromarray(RGB), "JPEG2000"), "not an image of an allowed format"),
        (encoded(Image.fromarray(GREY.astype(np.float32)), "TIFF"), "unsupported pixels: 32-bit float"),
        (png_header(20_000, 20_000), "too many pixels: 20000x20000 > 50000000"),
    ],
)
def test_refusals_have_short_reasons(data, reason):
    with pytest.raises(UnreadableImage) as caught:
        normalise(data)
    assert caught.value.reason.startswith(reason)


def test_the_error_of_a_decoder_is_reported_without_its_class():
    data = bytearray(encoded(Image.fromarray(RGB), "PNG"))
    start = data.index(b"IDAT") + 4
    data[start : start + 8] = bytes(8)
    with pytest.raises(UnreadableImage) as caught:
        normalise(bytes(data))
    assert caught.value.reason == "damaged: its data cannot be decoded"


def test_wrong_checksum_is_refused():
    data = bytearray(encoded(Image.fromarray(RGB), "PNG"))
    start = data.index(b"IDAT") + 4
    length = struct.unpack(">I", data[start - 8 : start - 4])[0]
    data[start + length] ^= 1
    with pytest.raises(UnreadableImage, match="wrong checksum"):
        normalise(bytes(data))


def test_limits_are_the_callers(recwarn, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)  # Pillow would call every image here a bomb
    data = encoded(Image.fromarray(GREY), "PNG")
    assert normalise(data).data is data
    assert not recwarn
    assert Image.MAX_IMAGE_PIXELS == 10
    with pytest.raises(UnreadableImage, match="too many pixels: 9x6 > 53"):
        normalise(data, max_pixels=53)
    with pytest.raises(UnreadableImage, match="too many bytes"):
        normalise(data, max_bytes=len(data) - 1)


CONTAINERS = [encoded(Image.fromarray(RGB), name) for name in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")]


@given(st.sampled_from(CONTAINERS), st.data())
def test_damage_is_refused_or_survived_never_a_crash(data, draw):
    damaged = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 4))):
        damaged[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        normalise(bytes(damaged[: draw.draw(st.integers(0, len(data)))]), max_pixels=100_000)
    except UnreadableImage as error:
        assert 0 < len(error.reason) < 120  # noqa: PT017 - either outcome is right


def animation(kind: str, frames: int) -> bytes:
    images = [Image.new("RGB", (16, 16), (20 * number % 256, 0, 255 - 20 * number % 256)) for number in range(frames)]
    return encoded(images[0], kind, save_all=True, append_images=images[1:], lossless=True)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PNG", "WEBP"])
def test_frames_are_bounded(kind):
    data = animation(kind, 12)
    assert normalise(data, max_frames=12).format == kind
    with pytest.raises(UnreadableImage, match="too many frames: more than 11"):
        normalise(data, max_frames=11)
    assert normalise(animation(kind, 1), max_frames=1).format == kind


def test_a_gif_of_a_million_empty_frames_is_refused_without_looking_at_them_all():
    head, frame = animation("GIF", 1)[:-1], b"\x2c" + bytes(8) + b"\x00\x02\x00"
    position = 13 + (3 << (head[10] % 8 + 1))
    data = head[:position] + frame * 1_000_000 + head[position:] + b";"
    seen = []
    with pytest.raises(UnreadableImage, match="too many frames"):
        normalise(data, max_frames=5)
    seen.extend(islice(gif_frames(data), 3))
    assert seen == [position, position + len(frame), position + 2 * len(frame)]


@given(st.binary(max_size=200))
def test_any_bytes_after_a_gifs_head_are_counted_to_an_end(tail):
    assert sum(1 for _ in gif_frames(b"GIF89a" + tail)) <= len(tail) + 1


@pytest.mark.parametrize("tags", [{254: 1}, {50706: b"\1\4\0\0"}], ids=["thumbnail", "DNG"])
def test_a_cameras_raw_file_is_not_read_by_its_thumbnail(tags):
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        info.tagtype[tag] = 4 if isinstance(value, int) else 1
        info[tag] = value
    file = io.BytesIO()
    Image.new("L", (4, 4)).save(file, "TIFF", tiffinfo=info)
    with pytest.raises(UnreadableImage, match="unsupported format RAW"):
        normalise(file.getvalue())
