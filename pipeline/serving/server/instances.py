"""Preparation of a request's values for the model: images are normalised, pair Examples checked.

Image formats are normalised as at ingest (``models.data.image_formats``), so that every image that ingest accepts has
an answer, with the same result.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from models.data import features
from models.data.image_formats import UnreadableImage, normalise
from models.data.image_structure import heif
from pipeline.serving.server.admission import Limits, RequestError, bad_request
from pipeline.serving.server.examples import MAX_FIELDS, few_fields
from pipeline.serving.server.protocol import PredictRequest

_TOO_MANY_PIXELS = "too many pixels"  # the reason of whatever checks them
IMAGE_INPUTS = {"compare": frozenset({"image_a", "image_b"}), "embed": frozenset({"image"})}


class TooCostly(Exception):
    """A request of more work than the caller asked for, known before it is done."""


class Bounds(NamedTuple):
    """The work that a request may be.

    Attributes:
      rows: instances.
      pixels: of one image; None: as many as the server allows.
      all_pixels: of all images.
      processes: whether HEIC and AVIF may be decoded, by a process each.
    """

    rows: int
    pixels: int | None
    all_pixels: int
    processes: bool


class Prepared(NamedTuple):
    """Rows for the model, and the number of pixels of each row's images."""

    rows: list[tuple[bytes, ...]]
    pixels: list[int]


def prepare(
    request: PredictRequest,
    limits: Limits,
    refused: Callable[[str], None] = lambda _: None,
    bounds: Bounds | None = None,
) -> Prepared:
    """Normalises the images of a request; ``refused`` is called with the kind of error of one that is refused.

    Raises:
      RequestError: 400 or 413; names the instance.
      TooCostly: the request is beyond ``bounds``.
    """
    bounds = bounds or Bounds(limits.max_instances, None, limits.max_request_pixels, processes=True)
    if len(request.rows) > bounds.rows:
        raise TooCostly
    images = IMAGE_INPUTS.get(request.signature, frozenset())
    rows, pixels = [], []
    for number, row in enumerate(request.rows):
        values, count = list(row), 0
        for column, name in enumerate(request.inputs):
            if name not in images:
                continue
            if not bounds.processes and heif.kind_of(row[column]):
                raise TooCostly
            try:
                image = normalise(row[column], max_pixels=min(bounds.pixels or limits.max_pixels, limits.max_pixels))
            except UnreadableImage as error:
                kind = error.reason.partition(":")[0].partition(" (")[0]
                if kind == _TOO_MANY_PIXELS and bounds.pixels:
                    raise TooCostly from None
                refused(kind)
                raise bad_request(f"{request.value_name(number, column)}: {error.reason}") from None
            values[column] = image.data
            count += image.width * image.height
        rows.append(tuple(values))
        pixels.append(count)
        if sum(pixels) > limits.max_request_pixels:
            raise RequestError(
                413, f"instance {number}: the images of one request have more than {limits.max_request_pixels} pixels"
            )
        if sum(pixels) > bounds.all_pixels:
            raise TooCostly
    return Prepared(rows, pixels)


def prepare_examples(request: PredictRequest, example: Any, limits: Limits) -> Prepared:
    """Checks that each value is a serialized pair Example with as many pixels as its height and width say.

    TensorFlow's own error does not name the Example, and it pads pixels that are too short. ``example`` is
    TensorFlow's message class.

    Raises:
      RequestError: 400; names the instance.
    """
    pixels = []
    for number, (serialized,) in enumerate(request.rows):
        name = request.value_name(number, 0)
        try:
            if not few_fields(serialized):
                raise bad_request(f"{name}: a tf.Example of more than {MAX_FIELDS} fields and values")
            found = example.FromString(serialized).features.feature
        except RequestError:
            raise
        except Exception:  # noqa: BLE001 - each version of protobuf has its own DecodeError
            raise bad_request(f"{name}: not a serialized tf.Example") from None
        pixels.append(sum(_pixels(found, which, name, limits) for which in features.SIDES))
    return Prepared(request.rows, pixels)


def _pixels(found: Any, which: str, value_name: str, limits: Limits) -> int:
    def value(key: str, kind: str) -> Any:
        name = features.side(key, which)
        if name not in found:
            raise bad_request(f"{value_name}: the Example lacks the feature {name}")
        values = getattr(found[name], kind).value
        if len(values) != 1:
            raise bad_request(f"{value_name}: feature {name} must be one value in a {kind}")
        return values[0]

    raw = value(features.PIXELS, "bytes_list")
    height, width, channels = (value(key, "int64_list") for key in (features.HEIGHT, features.WIDTH, features.CHANNELS))
    if min(height, width) < 1 or channels not in (1, 3) or height * width > limits.max_pixels:
        raise bad_request(f"{value_name}: side {which} cannot be {height}x{width} pixels of {channels} channels")
    if len(raw) != height * width * channels:
        raise bad_request(
            f"{value_name}: side {which} is {height}x{width}x{channels} but has {len(raw)} bytes of pixels"
        )
    return int(height * width)
