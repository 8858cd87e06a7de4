"""The budget of one image, and the errors of what is beyond it."""

from typing import NamedTuple

# What a caller allows that has nothing else configured.
MAX_PIXELS = 50_000_000
MAX_BYTES = 64 * 1024**2
MAX_FRAMES = 1000

MAX_PARTS = 100_000  # segments, chunks, blocks, strips, tiles, comments: a decoder takes microseconds for each
MAX_SIDE = 1_000_000  # pixels, as in libpng; a decoder has work for each line, and TensorFlow refuses more
MAX_METADATA = 128 * 1024  # of an EXIF or XMP block, of which only the orientation is read


class UnreadableImage(Exception):
    """The file is not usable as an image; the ``reason`` up to its first colon is the same for one kind of defect."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Budget(NamedTuple):
    """The limits of one image that its caller chooses."""

    max_pixels: int
    max_frames: int

    def check_pixels(self, width: int, height: int) -> None:
        """Raises UnreadableImage for more pixels than allowed, or a longer side."""
        if width * height > self.max_pixels:
            raise UnreadableImage(f"too many pixels: {width}x{height} > {self.max_pixels}")
        if max(width, height) > MAX_SIDE:
            raise UnreadableImage(f"too many pixels: {width}x{height} has a side of more than {MAX_SIDE}")

    def check_frames(self, frames: int) -> None:
        """Raises UnreadableImage for more frames than allowed."""
        if frames > self.max_frames:
            raise UnreadableImage(f"too many frames: more than {self.max_frames}")


def check_parts(count: int, kind: str, limit: int = MAX_PARTS) -> None:
    """Raises UnreadableImage for more parts than any honest file has; ``kind`` as in "JPEG segments"."""
    if count > limit:
        raise over_budget(f"more than {limit} {kind}")


def over_budget(what: str) -> UnreadableImage:
    """Of an image within every limit of size that would take unbounded time or memory."""
    return UnreadableImage(f"over budget: {what}")
