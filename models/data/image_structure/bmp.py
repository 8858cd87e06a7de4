"""BMP: run lengths, which Pillow decodes slowly."""

from models.data.image_structure.budget import Budget, over_budget

_RUN_LENGTHS = (1, 2)
_MAX_PIXELS, _MAX_BYTES, _MAX_WIDTH = 8_000_000, 4_000_000, 16_384


def checked(data: bytes, budget: Budget) -> bytes:
    """The same bytes.

    Raises:
      UnreadableImage: too many pixels, or more run lengths than can be decoded in a second or two.
    """
    if int.from_bytes(data[14:18], "little") < 40:  # two numbers of two bytes, no compression
        return data
    width, height = (abs(int.from_bytes(data[at : at + 4], "little", signed=True)) for at in (18, 22))
    budget.check_pixels(width, height)
    if int.from_bytes(data[30:34], "little") in _RUN_LENGTHS and (
        width * height > _MAX_PIXELS or len(data) > _MAX_BYTES or width > _MAX_WIDTH
    ):
        raise over_budget(f"BMP run lengths of {width}x{height} in {len(data)} bytes")
    return data
