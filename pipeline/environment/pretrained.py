"""Pretrained weights of a backbone: whether they can be loaded, and their digest."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from models.addresses import is_address
from models.errors import ExitCode, UserError
from models.library_environment import prepare_native_libraries
from models.settings import EncoderSettings, ImageSettings
from models.user_files import open_regular

_ROOT = str(Path(__file__).parents[2])  # where ``models`` is imported from; not from the user's folder
_PROGRAM = f"import sys; sys.path[0] = {_ROOT!r}; from models.network.pretrained import main; main()"
_SECONDS = 3900.0  # in all; longer than one download may take


def check_weights(encoder: EncoderSettings, image: ImageSettings) -> None:
    """Downloads weights and checks that they fit the backbone, before the run begins.

    In a process of its own: the output of libraries is discarded, and this process must not have loaded TensorFlow
    before several hosts meet.

    Raises:
      UserError: ``encoder.weights`` is a missing file, an address that cannot be downloaded, or of another network.
    """
    weights = encoder.pretrained
    if weights is None:
        return
    if weights != "imagenet" and not is_address(weights) and not Path(weights).is_file():
        raise UserError(
            f"encoder.weights: {weights}: no such file; allowed: a file of keras.applications."
            f"{encoder.model_dump()['backbone']} (include_top=False), a URL, imagenet or none",
            code="train-weights-not-found",
        )
    prepare_native_libraries()
    with Console(stderr=True).status(f"encoder.weights: {escape(weights)} ..."):
        try:
            checked = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", _PROGRAM],
                input=json.dumps({"encoder": encoder.model_dump(mode="json"), "image": image.model_dump(mode="json")}),
                capture_output=True,
                text=True,
                check=False,
                env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},  # the GPU's memory is the training's
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise UserError(
                f"encoder.weights: {weights}: not there within {_SECONDS / 60:.0f} minutes", "train-weights-unusable"
            ) from None
    if checked.returncode == ExitCode.USER_ERROR:  # any other failure the Trainer meets too, and reports in full
        raise UserError(checked.stdout.strip(), code="train-weights-unusable")


def weights_digest(encoder: EncoderSettings) -> str | None:
    """SHA-256 of a file of weights, so that another file trains another model; "imagenet" or a URL as it is."""
    weights = encoder.pretrained
    if weights is None or not Path(weights).is_file():
        return weights
    digest = hashlib.sha256()
    try:
        with open_regular(weights) as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise UserError(f"encoder.weights: {weights}: cannot be read: {error.strerror}", "train-weights") from None
    return digest.hexdigest()
