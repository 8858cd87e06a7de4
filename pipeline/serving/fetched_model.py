"""A model of a serving folder in an object store, brought to this machine for as long as this process lives."""

import atexit
import re
import shutil
import tempfile
from pathlib import Path

from components.serving_folder.serving_folder import fetch_served
from models.errors import UserError


def store_address(model: Path | str) -> str | None:
    """The address that ``--model`` is, or none where it is a path; a ``Path`` has lost one of its slashes."""
    parts = re.fullmatch(r"([a-z][a-z0-9+.-]+):/+(.+)", str(model))
    return f"{parts[1]}://{parts[2]}" if parts and not Path(model).exists() else None


def fetched(address: str) -> Path:
    """Downloads the version that serves.

    Raises:
      UserError: none does, or it cannot be read.
    """
    folder = Path(tempfile.mkdtemp(prefix="siamese-model-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if fetch_served(address, folder / "model") is None:
        raise UserError(f"--model {address}: no version of a model is there; name the serving folder, not a version")
    return folder / "model"
