"""Bounds on one request, and on all requests together."""

from dataclasses import dataclass

from models.data.image_formats import MAX_BYTES, MAX_PIXELS

_MIB = 1024**2


@dataclass(frozen=True)
class Limits:
    """Bounds of the server; a request beyond one is answered with a 4xx.

    Attributes:
      max_body: bytes of a request. The default admits two images of the largest size that ingest accepts, in base64.
      max_pixels: of one image, by its header, before it is decoded.
      max_instances: in one request.
      max_batch: instances in one call of the model, from one request or several.
      max_waiting: requests at a time; others are answered with 429.
      upload_seconds: time for a request to arrive.
    """

    max_body: int = 2 * (MAX_BYTES * 4 // 3) + 8 * _MIB
    max_pixels: int = MAX_PIXELS
    max_instances: int = 1024
    max_batch: int = 32
    max_waiting: int = 512
    upload_seconds: float = 60.0

    @property
    def max_bytes_waiting(self) -> int:
        """Bytes of all requests at a time."""
        return 3 * self.max_body

    @property
    def max_request_pixels(self) -> int:
        """Pixels of all images of a request, and of one call of the model."""
        return 4 * self.max_pixels

    @property
    def max_json_values(self) -> int:
        """Brackets and commas in a body: parsed, a body of nothing else takes thirty times its bytes."""
        return 64 + 16 * self.max_instances


def limits_of(**limits: int | None) -> Limits:
    """The limits, with the default for each that is None."""
    return Limits(**{key: value for key, value in limits.items() if value is not None})
