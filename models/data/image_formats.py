"""Image formats: any allowed image file becomes an upright 8-bit grey or RGB PNG or JPEG.

The first of the two steps from a file to canonical pixels (the second is ``canonical_pixels``), shared by ingest and
the clients of a served model. Pillow only, so that a client needs no TensorFlow.
"""

import io
import threading
from typing import Literal, NamedTuple

import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin

from models.data.image_structure import bmp, gif, heif, jpeg, netpbm, png, tiff, webp
from models.data.image_structure.budget import MAX_BYTES, MAX_FRAMES, MAX_METADATA, MAX_PIXELS, Budget
from models.data.image_structure.budget import UnreadableImage as UnreadableImage  # noqa: PLC0414 - for the users of this

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
_BAND = 2**20  # pixels that are composited at once
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # bytes of its second header

# What bounds the work of Pillow and of TensorFlow before it is done: the bytes that Pillow is to read, if not all.
_CHECKED = {
    "JPEG": jpeg.checked, "PNG": png.checked, "BMP": bmp.checked, "GIF": gif.checked, "TIFF": tiff.checked,
    "WEBP": webp.checked,
}  # fmt: skip
_TURNS = (
    "FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE", "ROTATE_270", "TRANSVERSE", "ROTATE_90",
)  # fmt: skip
_UPRIGHT = {orientation: Image.Transpose[name] for orientation, name in enumerate(_TURNS, 2)}

_open_lock = threading.Lock()


class Normalised(NamedTuple):
    """An upright 8-bit grey or RGB image."""

    data: bytes  # PNG or JPEG; with ``channels``, the pixels themselves, row-major
    format: str  # of the file, one of ``FORMATS``
    width: int
    height: int
    channels: int = 0


def normalise(
    data: bytes,
    *,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_BYTES,
    max_frames: int = MAX_FRAMES,
    most_raw: int = 0,
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
      most_raw: what would be encoded again is returned as pixels, if they are so many bytes at most.

    Raises:
      UnreadableImage: not of an allowed format, too large, truncated, damaged, or its pixels have no fixed range.
    """
    if not data:
        raise UnreadableImage("empty file")
    if len(data) > max_bytes:
        raise UnreadableImage(f"too many bytes: {len(data)} > {max_bytes}")
    kind, budget = _format_of(data), Budget(max_pixels, max_frames)
    image, needed = _opened(data, kind, budget)
    try:
        if isinstance(image, TiffImagePlugin.TiffImageFile) and _is_raw(image, data):
            raise UnreadableImage("unsupported format RAW")
        plain = _is_plain(image, needed)
        if not (plain and image.format == "PNG"):  # its pixels were inflated to check it
            image.load()
        if image.format == "PNG":
            png.check_sums(needed)
        if not plain:  # one after the other, so that no more than two images are in memory
            image = _upright(image, needed)
            image = _flattened(image)
    except Exception as error:  # Pillow's decoders raise many kinds of errors on a damaged file
        raise _unreadable(error, "damaged: its data cannot be decoded") from error
    width, height = image.size
    if plain:
        return Normalised(needed if kind == "PNG" else data, kind, width, height)
    channels = len(image.getbands())
    if width * height * channels <= most_raw:
        return Normalised(image.tobytes(), kind, width, height, channels)
    return Normalised(_png(image), kind, width, height)


def opened(
    data: bytes, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES, max_frames: int = MAX_FRAMES
) -> Image.Image:
    """An image file whose structure is within the budget, with its header read, for whoever decodes a part of it.

    Raises:
      UnreadableImage: as ``normalise`` raises it before it decodes.
    """
    if len(data) > max_bytes:
        raise UnreadableImage(f"too many bytes: {len(data)} > {max_bytes}")
    return _opened(data, _format_of(data), Budget(max_pixels, max_frames))[0]


def _format_of(data: bytes) -> str:
    for name, magics in _MAGIC.items():
        if data.startswith(magics) and (name != "WEBP" or data[8:12] == b"WEBP"):
            return name
    if kind := heif.kind_of(data):
        return kind
    raise UnreadableImage(f"not an image of an allowed format ({', '.join(FORMATS)}), nor HEIC or AVIF")


def has_image_magic(beginning: bytes) -> bool:
    """Whether a file that begins with these ``MAGIC_BYTES`` bytes is of an allowed format."""
    try:
        kind = _format_of(beginning)
    except UnreadableImage:
        return False
    if kind == "PPM":  # two letters that a text may begin with too
        return beginning[2:3].isspace() or beginning[2:3] == b"#"
    return kind != "BMP" or int.from_bytes(beginning[14:18], "little") in _BMP_HEADERS


def _opened(data: bytes, kind: str, budget: Budget) -> tuple[Image.Image, bytes]:
    """The image with its header read, and the bytes that it is decoded from."""
    if kind in heif.FORMATS:
        return heif.decoded(data, kind, budget), data
    try:
        if kind == "PPM":
            return netpbm.decoded(data, budget), data
        needed = _CHECKED[kind](data, budget)
        image = _open(needed, kind)
        budget.check_pixels(*image.size)
        if kind not in ("GIF", "TIFF"):  # whose first frame or page is all that Pillow sees, or counts slowly
            budget.check_frames(getattr(image, "n_frames", 1))
    except Exception as error:  # Pillow raises many kinds of errors on a damaged file
        raise _unreadable(error, f"damaged header: {kind}") from error
    if 0 in image.size:
        raise UnreadableImage("no pixels")
    return image, needed


def _unreadable(error: Exception, otherwise: str) -> UnreadableImage:
    if isinstance(error, UnreadableImage):
        return error
    return UnreadableImage("truncated" if "truncated" in str(error).lower() else otherwise)


def _open(data: bytes, kind: str) -> Image.Image:
    """The image with its header read; the budget bounds its size, not Pillow's own limit."""
    with _open_lock:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(io.BytesIO(data), formats=[kind])
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _is_raw(image: TiffImagePlugin.TiffImageFile, data: bytes) -> bool:
    """Whether a TIFF is a camera's raw file (DNG, NEF, ARW, CR2 ...), whose first page is a thumbnail."""
    return data[8:10] == b"CR" or 50706 in image.tag_v2 or bool(int(image.tag_v2.get(254, 0)) & 1)


def _is_plain(image: Image.Image, data: bytes) -> bool:
    """Whether TensorFlow may read the file as it is. Of a PNG, all of its pixels were then inflated."""
    if image.mode not in ("L", "RGB") or image.has_transparency_data:
        return False
    if image.format == "PNG":
        eight_bits = data[24] == 8 and data[25] in (0, 2) and not getattr(image, "is_animated", False)
        return eight_bits and (not png.has_orientation(data) or _orientation(image) == 1) and png.is_exact(data)
    return image.format == "JPEG" and jpeg.is_common(data) and _orientation(image) == 1


def _upright(image: Image.Image, data: bytes) -> Image.Image:
    """The image turned by its orientation; a PNG that has none is not asked, and Pillow turns a TIFF itself."""
    if image.format == "TIFF" or (image.format == "PNG" and not png.has_orientation(data)):
        return image
    orientation = _orientation(image)
    return image if orientation == 1 else image.transpose(_UPRIGHT[orientation])


def _orientation(image: Image.Image) -> int:
    if isinstance(exif := image.info.get("exif"), bytes):
        image.info["exif"] = exif[:MAX_METADATA]  # many tags may be of the same bytes
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
        white = Image.new("L" if image.mode in ("1", "L", "LA", "La") else "RGB", image.size, "white")
        rows = 1 + _BAND // image.width
        for top in range(0, image.height, rows):  # an image of four channels is large
            band = image.crop((0, top, image.width, min(top + rows, image.height))).convert("RGBA")
            white.paste(band.convert(white.mode), (0, top), band.getchannel("A"))
        return white
    target: Literal["L", "RGB"] = "L" if image.mode in ("1", "L") else "RGB"
    return image if image.mode == target else image.convert(target)


def _eight_bits(image: Image.Image) -> Image.Image:
    """16 bits of grey to 8: 65535 becomes 255, not everything above 255."""
    bits, inverted = 16, False
    tags = getattr(image, "tag_v2", None)
    if tags is not None:
        bits = int(tags.get(258, (1,))[0])
        inverted = tags.get(262) == 0  # white is zero
    if bits > 16:
        raise UnreadableImage("unsupported pixels: 32-bit integers")
    if tags is not None and tags.get(339, (1,))[0] == 2:  # signed
        bits -= 1
    values = np.asarray(image)
    if values.size and int(values.min()) < 0:
        raise UnreadableImage("unsupported pixels: negative numbers")
    grey = netpbm.eight_bits(values, 2**bits - 1)
    if (transparent := image.info.get("transparency")) is not None:  # a colour of a PNG
        grey[values == transparent] = 255
    return Image.fromarray(255 - grey if inverted else grey)


def _png(image: Image.Image) -> bytes:
    image.info = {}  # neither a colour profile nor a transparent colour goes along
    encoded = io.BytesIO()
    image.save(encoded, format="PNG", compress_level=1)
    return encoded.getvalue()
