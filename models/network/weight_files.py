"""Files of pretrained weights: a person's own, or what was downloaded from a URL; the content decides which they are.

What is downloaded is kept among Keras's own models, with what the server said of it beside it. No TensorFlow here.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from models.addresses import is_address
from models.errors import UserError
from models.http_client import RequestFailed, request
from models.user_files import open_regular

_SECONDS, _BYTES = 3600.0, 4 << 30  # of a download
_HEAD_SECONDS = 60.0
_VALIDATORS = ("etag", "last-modified", "content-length")  # the last alone says nothing: weights have one size


def kept_file(url: str) -> Path:
    """Where the weights of a URL are kept: by their address, two may end in the same name."""
    address, name = hashlib.sha256(url.encode()).hexdigest()[:16], urlsplit(url).path.rpartition("/")[2]
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras", "models", f"{address}-{name[-100:]}")


def fetch(url: str) -> Path:
    """The file with the weights of a URL, downloaded unless it is kept.

    Raises:
      RequestFailed: it cannot be downloaded. An answer of any other status than 2xx is no file.
    """
    path = kept_file(url)
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".download-") as file:
        answer = request("GET", url, seconds=_SECONDS, most_bytes=_BYTES, redirects=True, into=file.write)
        if not answer.is_success:
            raise RequestFailed(f"HTTP status {answer.status}")
        file.flush()
        said = {name: answer.headers[name] for name in _VALIDATORS if name in answer.headers}
        _beside(path).write_text(json.dumps(said), encoding="utf-8")
        with contextlib.suppress(FileExistsError):  # another process was as fast
            os.link(file.name, path)
    return path


def forget_if_changed(url: str) -> None:
    """Deletes kept weights that are no longer those of the URL; without an answer of the server they stay."""
    path = kept_file(url)
    if not path.is_file():
        return
    try:
        answer = request("HEAD", url, seconds=_HEAD_SECONDS, most_bytes=0, redirects=True)
    except RequestFailed:
        return
    if not answer.is_success and answer.status not in (405, 501):
        return
    try:
        known = json.loads(_beside(path).read_text(encoding="utf-8"))
        same = all(known.get(name) == answer.headers.get(name) for name in _VALIDATORS)
        same = same and any(known.get(name) for name in _VALIDATORS[:2])
    except (OSError, ValueError, AttributeError, RecursionError):
        same = False
    if not same:
        forget(path)


def forget(path: Path) -> None:
    """Deletes kept weights."""
    path.unlink(missing_ok=True)
    _beside(path).unlink(missing_ok=True)


def digest(source: str) -> str | None:
    """SHA-256 of the weights in a file, or of those that are kept of a URL; None where there is no such file.

    Raises:
      OSError: it cannot be read.
    """
    path = kept_file(source) if is_address(source) else Path(source)
    if not path.is_file():
        return None
    found = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()


def check_unchanged(source: str | None, expected: str | None) -> None:
    """Checks that weights are still those for which a run was planned, and under which its model will be reused.

    Raises:
      UserError: their content is another one.
    """
    if source is None or expected in (None, source):
        return
    try:
        if is_address(source):
            fetch(source)
        found = digest(source)
    except (OSError, RequestFailed):
        return  # whoever loads them reports it
    if found is not None and found != expected:
        message = f"encoder.weights: {source}: its content has changed since the run began; run again"
        raise UserError(message, code="train-weights")


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")
