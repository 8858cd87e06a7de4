"""Image formats: any allowed image file becomes an upright 8-bit grey or RGB PNG or JPEG.

The first of the two steps from a file to canonical pixels (the second is ``canonical_pixels``), shared by ingest and
the clients of a served model. Pillow only, so that a client needs no TensorFlow.
"""

import io
import threading
from collections.abc import Iterator
from itertools import islice
from typing import Literal, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageOps, TiffImagePlugin

MAX_PIXELS = 50_000_000
MAX_BYTES = 64 * 1024**2
MAX_FRAMES = 1000

DAMAGED = "damaged: TensorFlow cannot decode it"  # though Pillow could

_MAGIC: dict[str, tuple[bytes, ...]] = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "BMP": (b"BM",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "WEBP": (b"RIFF",),
    "PPM": (b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"),
}
FORMATS = tuple(_MAGIC)
MAGIC_BYTES = 32  # of a file, from which its format is known
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # bytes of its second header

_open_lock = threading.Lock()


class UnreadableImage(Exception):
    """The file is not usable as an image; the ``reason`` up to its first colon is the same for one kind of defect."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Normalised(NamedTuple):
    """An upright 8-bit grey or RGB image."""

    data: bytes  # PNG or JPEG
    format: str  # of the file, one of ``FORMATS``
    width: int
    height: int


def normalise(
    data: bytes, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES, max_frames: int = MAX_FRAMES
) -> Normalised:
    """The first frame of an image file as upright 8-bit grey or RGB.

    A plain upright 8-bit JPEG or PNG is decoded once, to check that it is complete, and passes through byte for byte.
    Everything else is encoded again as PNG: turned upright by its EXIF orientation; transparency composited on white;
    16 bits scaled to 8; CMYK, palette and 1 bit converted. Colour profiles are not applied.

    Args:
      data: the whole file.
      max_pixels: an image whose header has more is refused before it is decoded.
      max_bytes: a longer file is refused.
      max_frames: an animation of more frames, or a document of more pages, is refused; none of them is decoded.

    Raises:
      UnreadableImage: not of an allowed format, too large, truncated, damaged, or its pixels have no fixed range.
    """
    if not data:
        raise UnreadableImage("empty file")
    if len(data) > max_bytes:
        raise UnreadableImage(f"too many bytes: {len(data)} > {max_bytes}")
    kind = _format_of(data)
    image = _open(data, kind)
    _check_size(image, max_pixels)
    try:
        if isinstance(image, TiffImagePlugin.TiffImageFile) and _is_raw(image, data):
            raise UnreadableImage("unsupported format RAW")
        _check_frames(data, image, max_frames)
        image.load()
        if kind == "PNG":
            _check_sums(data)
        plain = kind in ("JPEG", "PNG") and _is_plain(image, data)
        upright = image if plain else _flattened(image if _orientation(image) == 1 else ImageOps.exif_transpose(image))
    except UnreadableImage:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds of errors on a damaged file
        truncated = "truncated" in str(error).lower()
        raise UnreadableImage("truncated" if truncated else "damaged: its data cannot be decoded") from error
    width, height = upright.size
    return Normalised(data if plain else _png(upright), kind, width, height)


def _format_of(data: bytes) -> str:
    for name, magics in _MAGIC.items():
        if data.startswith(magics) and (name != "WEBP" or data[8:12] == b"WEBP"):
            return name
    raise UnreadableImage(f"not an image of an allowed format ({', '.join(FORMATS)})")


def has_image_magic(beginning: bytes) -> bool:
    """Whether a file that begins with these ``MAGIC_BYTES`` bytes is of an allowed format."""
    try:
        kind = _format_of(beginning)
    except UnreadableImage:
        return False
    if kind == "PPM":  # two letters that a text may begin with too
        return beginning[2:3].isspace() or beginning[2:3] == b"#"
    return kind != "BMP" or int.from_bytes(beginning[14:18], "little") in _BMP_HEADERS


def _open(data: bytes, kind: str) -> Image.Image:
    """The image with its header read; ``_check_size`` checks its size, not Pillow's own limit."""
    with _open_lock:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(io.BytesIO(data), formats=[kind])
        except Exception as error:
            raise UnreadableImage(f"damaged header: {kind}") from error
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _check_size(image: Image.Image, max_pixels: int) -> None:
    sizes = [image.size]
    if isinstance(image, TiffImagePlugin.TiffImageFile):  # a tile may be larger than the image it is cut from
        tags = image.tag_v2
        sizes.append((int(tags.get(322, 0)), int(tags.get(323, 0))))
    for width, height in sizes:
        if width * height > max_pixels:
            raise UnreadableImage(f"too many pixels: {width}x{height} > {max_pixels}")
    if 0 in image.size:
        raise UnreadableImage("no pixels")


def _is_raw(image: TiffImagePlugin.TiffImageFile, data: bytes) -> bool:
    """Whether a TIFF is a camera's raw file (DNG, NEF, ARW, CR2 ...), whose first page is a thumbnail."""
    return data[8:10] == b"CR" or 50706 in image.tag_v2 or bool(int(image.tag_v2.get(254, 0)) & 1)


def _check_frames(data: bytes, image: Image.Image, max_frames: int) -> None:
    """Counts frames no further than the limit: a file may hold millions of empty ones."""
    if image.format == "GIF":
        frames = sum(1 for _ in islice(gif_frames(data), max_frames + 1))
    elif isinstance(image, TiffImagePlugin.TiffImageFile):
        other = _open(data, "TIFF")
        try:
            other.seek(max_frames)
            frames = max_frames + 1
        except EOFError:
            frames = other.tell() + 1
    else:  # in its header
        frames = getattr(image, "n_frames", 1)
    if frames > max_frames:
        raise UnreadableImage(f"too many frames: more than {max_frames}")


def _check_sums(data: bytes) -> None:
    """Checks the checksums of a PNG's pixels, which Pillow skips when it decodes and other decoders do not."""
    try:
        _open(data, "PNG").verify()
    except SyntaxError as error:
        raise UnreadableImage("damaged: wrong checksum") from error


def _is_plain(image: Image.Image, data: bytes) -> bool:
    if image.format == "PNG":
        eight_bits = data[24] == 8 and not getattr(image, "is_animated", False)
    else:
        eight_bits = _is_common_jpeg(data)
    return eight_bits and image.mode in ("L", "RGB") and not image.has_transparency_data and _orientation(image) == 1


def _is_common_jpeg(data: bytes) -> bool:
    """Whether its frame is baseline, extended or progressive Huffman: what every decoder can read."""
    position = 2
    while position + 4 <= len(data):
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
        elif data[position] != 0xFF or marker == 0xDA:
            return False
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return marker <= 0xC2
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return False


def _orientation(image: Image.Image) -> int:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - a damaged EXIF block has no orientation
        return 1
    return orientation if orientation in range(1, 9) else 1


def _flattened(image: Image.Image) -> Image.Image:
    """Any mode to ``L`` or ``RGB``."""
    if image.mode.startswith("I"):
        return _eight_bits(image)
    if image.mode in ("F", "LAB", "HSV"):
        raise UnreadableImage(f"unsupported pixels: {'32-bit float' if image.mode == 'F' else image.mode}")
    if image.has_transparency_data or image.mode in ("La", "RGBa"):
        grey = image.mode in ("1", "L", "LA", "La")
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(image.convert("RGB"), mask=image.getchannel("A"))
        return white.convert("L") if grey else white
    target: Literal["L", "RGB"] = "L" if image.mode in ("1", "L") else "RGB"
    return image if image.mode == target else image.convert(target)


def _eight_bits(image: Image.Image) -> Image.Image:
    """16 bits of grey to 8: 65535 becomes 255, not everything above 255."""
    bits, inverted = 16, False
    tags = getattr(image, "tag_v2", None)
    if tags is not None:
        bits = int(tags.get(258, (1,))[0])
        inverted = tags.get(262) == 0  # white is zero
    values = np.asarray(image)
    if bits > 16 or (values.size and int(values.min()) < 0):
        raise UnreadableImage("unsupported pixels: 32-bit integers")
    largest = 2**bits - 1
    grey = np.empty(values.shape, np.uint8)
    for row, line in enumerate(values):  # by the line: no second image of wider numbers
        grey[row] = (line.astype(np.uint32) * 255 + largest // 2) // largest
    return Image.fromarray(255 - grey if inverted else grey)


def _png(image: Image.Image) -> bytes:
    image.info = {}  # neither a colour profile nor a transparent colour goes along
    encoded = io.BytesIO()
    image.save(encoded, format="PNG", compress_level=1)
    return encoded.getvalue()


def gif_frames(data: bytes) -> Iterator[int]:
    """The offset of each frame of a GIF, to its end or the first byte that is no block (GIF89a, 15 to 23).

    Nothing is decoded: Pillow decodes all frames to count them.
    """
    position = 13 + _colours(data, 10)
    while position < len(data):
        kind = data[position]
        if kind == 0x2C:
            yield position
            position += 10 + _colours(data, position + 9) + 1
        elif kind == 0x21:
            position += 2
        else:
            return
        while position < len(data) and data[position]:  # blocks of up to 255 bytes, the last one empty
            position += 1 + data[position]
        position += 1


def _colours(data: bytes, flags: int) -> int:
    """Bytes of the colour table that the flags at this offset describe."""
    packed = data[flags] if flags < len(data) else 0
    return 3 << (packed % 8 + 1) if packed & 0x80 else 0
