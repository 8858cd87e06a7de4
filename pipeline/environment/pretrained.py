"""The weights that the user gives a backbone to begin with: are they there, and are they the same as before?"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from models.errors import UserError
from models.settings import EncoderSettings, ImageSettings
from pipeline.environment.native_libraries import prepare_native_libraries

_ROOT = str(Path(__file__).parents[2])  # where ``models`` is imported from; not from the user's folder
_PROGRAM = f"import sys; sys.path[0] = {_ROOT!r}; from models.network.pretrained import main; main()"


def check_weights(encoder: EncoderSettings, image: ImageSettings) -> None:
    """Refuses weights that cannot be had or are another network's, before anything has run; fetches those of elsewhere.

    In a process of its own: what libraries print of it is not to be seen, and this one must not have loaded TensorFlow
    before several hosts meet.

    Raises:
      UserError: ``encoder.weights`` names a file that is missing, nothing that can be fetched, or another network's.
    """
    given = encoder.pretrained
    if given is None:
        return
    if given != "imagenet" and "://" not in given and not Path(given).is_file():
        raise UserError(
            f"encoder.weights: {given}: no such file; give one of keras.applications."
            f"{encoder.model_dump()['backbone']} (include_top=False), a URL, imagenet or none"
        )
    prepare_native_libraries()
    with Console(stderr=True).status(f"encoder.weights: {escape(given)} ..."):
        checked = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _PROGRAM],
            input=json.dumps({"encoder": encoder.model_dump(mode="json"), "image": image.model_dump(mode="json")}),
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},  # the GPU's memory is the training's
        )
    if checked.returncode == 2:  # whatever else it died of, the Trainer meets it too, and tells it in full
        raise UserError(checked.stdout.strip())


def weights_digest(encoder: EncoderSettings) -> str | None:
    """SHA-256 of the file of weights, so that another file trains another model; the address itself of all others."""
    given = encoder.pretrained
    if given is None or not Path(given).is_file():
        return given
    digest = hashlib.sha256()
    with Path(given).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
