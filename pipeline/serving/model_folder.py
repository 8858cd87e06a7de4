"""The folder of a model that ``--model`` names: a version, a serving folder, or a copy from an object store."""

import atexit
import re
import shutil
import tempfile
from pathlib import Path

from components.serving_folder.serving_folder import fetch_served, served
from models.errors import UserError


def model_folder(model: Path | str) -> Path:
    """A SavedModel's folder as it is, or the newest version in a serving folder, downloaded if need be.

    Raises:
      UserError: there is no model, or it cannot be read.
    """
    if address := store_address(model):
        return _downloaded(address)
    path = Path(model)
    if (path / "saved_model.pb").is_file():
        return path
    newest = served(path) if path.is_dir() else None
    if newest is None:
        raise UserError(
            f"--model {model}: neither a SavedModel nor a serving folder with versions of one", code="model-not-found"
        )
    return newest


def store_address(model: Path | str) -> str | None:
    """The address in an object store that ``--model`` is, or None for a path; a ``Path`` lost one of its slashes."""
    parts = re.fullmatch(r"([a-z][a-z0-9+.-]+):/+(.+)", str(model))
    return f"{parts[1]}://{parts[2]}" if parts and not Path(model).exists() else None


def _downloaded(address: str) -> Path:
    """A copy of the version that serves, until this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="siamese-model-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if fetch_served(address, folder / "model") is None:
        raise UserError(
            f"--model {address}: no version of a model there; name the serving folder, not a version",
            code="model-not-found",
        )
    return folder / "model"
