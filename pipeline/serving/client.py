"""Client of a model server: two images compared by ``siamese serve`` or TensorFlow Serving."""

import base64
import json
import math
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from models.errors import UserError
from models.export.inference import Comparison, read_image
from models.http_client import Answer, RequestFailed, request
from models.user_files import shown

_SECONDS, _BYTES = 60.0, 1 << 20  # in all, and of an answer
_MODEL = re.compile(r"(?P<base>/v1/models/[^/:]+)(?:/(?:versions|labels)/[^/:]+)?")


def compare_at(url: str, image_a: Path, image_b: Path) -> Comparison:
    """Compares two image files, normalised here so that TensorFlow Serving can decode them too.

    The threshold is NaN where the server does not report it, as TensorFlow Serving.

    Args:
      url: ``http://host:port[/v1/models/NAME[/versions/N|/labels/L]]``; the default name is ``siamese``.
      image_a: a file.
      image_b: a file.

    Raises:
      UserError: an image cannot be read, or the server does not answer.
    """
    images = {name: read_image(path) for name, path in (("image_a", image_a), ("image_b", image_b))}
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UserError(f"--model {url}: {error}", code="config-invalid-option") from None
    path = parsed.path.rstrip("/") or "/v1/models/siamese"
    matched = _MODEL.fullmatch(path)
    if matched is None or not parsed.host:
        raise UserError(
            f"--model {url}: must be http://host:port or http://host:port/v1/models/NAME", code="config-invalid-option"
        )
    instance = {name: {"b64": base64.b64encode(data).decode()} for name, data in images.items()}
    server = parsed.copy_with(query=None, fragment=None)
    body = {"signature_name": "compare", "instances": [instance]}
    answer = _answered(url, str(server.copy_with(path=f"{path}:predict")), body)
    try:
        found = json.loads(answer.content)["predictions"][0]
        distance, score, same = float(found["distance"]), float(found["score"]), bool(found["same"])
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        raise UserError(
            f"--model {url}: the answer is not that of a model of this pipeline", code="serve-invalid-answer"
        ) from None
    version = answer.headers.get("x-model-version", "")
    manifest = f"{matched['base']}/versions/{version}/manifest"
    return Comparison(distance, score, same, _threshold(str(server.copy_with(path=manifest))) if version else math.nan)


def _threshold(address: str) -> float:
    try:
        answer = request("GET", address, seconds=_SECONDS, most_bytes=_BYTES)
        return float(json.loads(answer.content)["threshold"])
    except (RequestFailed, ValueError, KeyError, TypeError, RecursionError):
        return math.nan  # the version was released meanwhile


def _answered(url: str, address: str, body: Any) -> Answer:
    try:
        answer = request("POST", address, seconds=_SECONDS, most_bytes=_BYTES, json=body)
    except RequestFailed as error:
        raise UserError(f"--model {url}: {error}", code="serve-no-answer") from None
    if answer.is_success:
        return answer
    try:
        why = str(json.loads(answer.content)["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        why = HTTPStatus(answer.status).phrase if answer.status in set(HTTPStatus) else ""
    reason = shown(why.splitlines()[0]) if why.strip() else "no reason given"
    raise UserError(f"--model {url}: {answer.status}: {reason}", code="serve-refused")
