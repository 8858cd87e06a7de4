"""Pair Examples looked at before the model parses them.

TensorFlow says of a batch only that one in it is wrong, and pads pixels that are too short.
"""

from typing import Any

from models.data import features
from pipeline.serving.server.errors import bad_request
from pipeline.serving.server.images import Prepared
from pipeline.serving.server.limits import Limits
from pipeline.serving.server.requests import PredictRequest


def prepare_examples(request: PredictRequest, example: Any, limits: Limits) -> Prepared:
    """Checks that each value is a serialized pair Example whose pixels have the size that it announces.

    Args:
      request: of the signature that takes Examples.
      example: TensorFlow's message class.
      limits: of pixels.

    Raises:
      RequestError: 400; says which instance and why.
    """
    pixels = []
    for number, (serialized,) in enumerate(request.rows):
        place = request.place(number, 0)
        try:
            found = example.FromString(serialized).features.feature
        except Exception:  # noqa: BLE001 - each version of protobuf has its own DecodeError
            raise bad_request(f"{place}: not a serialized tf.Example") from None
        pixels.append(sum(_pixels(found, which, place, limits) for which in features.SIDES))
    return Prepared(request.rows, pixels)


def _pixels(found: Any, which: str, place: str, limits: Limits) -> int:
    def value(key: str, kind: str) -> Any:
        name = features.side(key, which)
        if name not in found:
            raise bad_request(f"{place}: the Example lacks the feature {name}")
        values = getattr(found[name], kind).value
        if len(values) != 1:
            raise bad_request(f"{place}: feature {name} must be one value in a {kind}")
        return values[0]

    raw = value(features.PIXELS, "bytes_list")
    height, width, channels = (value(key, "int64_list") for key in (features.HEIGHT, features.WIDTH, features.CHANNELS))
    if min(height, width) < 1 or channels not in (1, 3) or height * width > limits.max_pixels:
        raise bad_request(f"{place}: side {which} cannot be {height}x{width} pixels of {channels} channels")
    if len(raw) != height * width * channels:
        raise bad_request(f"{place}: side {which} is {height}x{width}x{channels} but has {len(raw)} bytes of pixels")
    return int(height * width)
