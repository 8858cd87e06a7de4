"""What is done to a request's values before the model sees them: images normalised, Examples looked at.

The same container normalisation as at ingest (``models.data.image_formats``), so that every image that ingest takes is
answered, with the same result.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from models.data.image_formats import UnreadableImage, normalise
from pipeline.serving.server.errors import RequestError, bad_request
from pipeline.serving.server.limits import Limits
from pipeline.serving.server.requests import PredictRequest

IMAGE_INPUTS = {"compare": frozenset({"image_a", "image_b"}), "embed": frozenset({"image"})}


class Prepared(NamedTuple):
    """Rows as the model takes them, and the pixels of the images of each."""

    rows: list[tuple[bytes, ...]]
    pixels: list[int]

    def batches(self, max_batch: int, max_pixels: int) -> Iterator[list[tuple[bytes, ...]]]:
        """The rows, as many at a time as one call of the model takes; at least one."""
        batch: list[tuple[bytes, ...]] = []
        total = 0
        for row, pixels in zip(self.rows, self.pixels, strict=True):
            if batch and (len(batch) == max_batch or total + pixels > max_pixels):
                yield batch
                batch, total = [], 0
            batch.append(row)
            total += pixels
        if batch:
            yield batch


def prepare(request: PredictRequest, limits: Limits, refused: Callable[[str], None] = lambda _: None) -> Prepared:
    """Normalises the images of a request.

    Args:
      request: as parsed.
      limits: of pixels.
      refused: hears the kind of fault of an image that is not taken.

    Raises:
      RequestError: 400 or 413; says which instance and why.
    """
    images = IMAGE_INPUTS.get(request.signature, frozenset())
    rows, pixels = [], []
    for number, row in enumerate(request.rows):
        values, count = list(row), 0
        for column, name in enumerate(request.inputs):
            if name not in images:
                continue
            try:
                image = normalise(row[column], max_pixels=limits.max_pixels)
            except UnreadableImage as error:
                refused(error.reason.partition(":")[0].partition(" (")[0])
                raise bad_request(f"{request.place(number, column)}: {error.reason}") from None
            values[column] = image.data
            count += image.width * image.height
        rows.append(tuple(values))
        pixels.append(count)
        if sum(pixels) > limits.max_request_pixels:
            raise RequestError(
                413, f"instance {number}: the images of one request have more than {limits.max_request_pixels} pixels"
            )
    return Prepared(rows, pixels)
