"""How much one request, and all of them together, may ask for."""

from dataclasses import dataclass

from models.data.image_formats import MAX_BYTES, MAX_PIXELS

_MIB = 1024**2


@dataclass(frozen=True)
class Limits:
    """Bounds of the server; what exceeds one is refused with a 4xx.

    Attributes:
      max_body: bytes of a request. The default holds two images of the largest size that ingest takes, in base64.
      max_pixels: of one image, by its header, before anything of it is decoded.
      max_instances: in one request.
      max_batch: instances that one call of the model takes, from one request or several.
      max_waiting: requests at a time; more are asked to come again.
      upload_seconds: a request must have arrived by then.
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
        """Brackets and commas in a body: of one that holds nothing else, Python makes thirty times its bytes."""
        return 64 + 16 * self.max_instances


def limits_of(**given: int | None) -> Limits:
    """The default limits but for those that are given."""
    return Limits(**{key: value for key, value in given.items() if value is not None})
