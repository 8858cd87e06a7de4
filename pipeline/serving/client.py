"""Client of a model server: two images compared by ``siamese serve`` or TensorFlow Serving."""

import base64
import re
from pathlib import Path
from typing import Any

import httpx

from models.errors import UserError
from models.export.inference import Comparison, read_image

_SECONDS = 60.0
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
    parsed = httpx.URL(url)
    path = parsed.path.rstrip("/") or "/v1/models/siamese"
    matched = _MODEL.fullmatch(path)
    if matched is None or not parsed.host:
        raise UserError(
            f"--model {url}: must be http://host:port or http://host:port/v1/models/NAME", code="config-invalid-option"
        )
    instance = {name: {"b64": base64.b64encode(data).decode()} for name, data in images.items()}
    with httpx.Client(base_url=parsed.copy_with(path="/", query=None), timeout=_SECONDS) as server:
        answer = _answered(url, server, f"{path}:predict", {"signature_name": "compare", "instances": [instance]})
        try:
            found = answer.json()["predictions"][0]
            distance, score, same = float(found["distance"]), float(found["score"]), bool(found["same"])
        except (ValueError, KeyError, IndexError, TypeError):
            raise UserError(
                f"--model {url}: the answer is not that of a model of this pipeline", code="serve-invalid-answer"
            ) from None
        version = answer.headers.get("X-Model-Version", "")
        return Comparison(distance, score, same, _threshold(server, f"{matched['base']}/versions/{version}", version))


def _threshold(server: httpx.Client, path: str, version: str) -> float:
    if version:
        try:
            return float(server.get(f"{path}/manifest").raise_for_status().json()["threshold"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            pass  # the version was released meanwhile
    return float("nan")


def _answered(url: str, server: httpx.Client, path: str, body: Any) -> httpx.Response:
    try:
        answer = server.post(path, json=body)
    except httpx.TimeoutException:
        raise UserError(f"--model {url}: no answer within {_SECONDS:.0f} s", code="serve-no-answer") from None
    except httpx.ConnectError as error:
        raise UserError(f"--model {url}: no server at this address: {error}", code="serve-no-answer") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UserError(f"--model {url}: {str(error) or type(error).__name__}", code="serve-no-answer") from None
    if answer.is_success:
        return answer
    try:
        why = str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        why = answer.reason_phrase
    reason = why.splitlines()[0] if why else "no reason given"
    raise UserError(f"--model {url}: {answer.status_code}: {reason}", code="serve-refused")
