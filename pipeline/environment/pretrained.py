"""Pretrained weights of a backbone: whether they can be loaded, and their digest."""

import json
import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from models.addresses import is_address
from models.errors import ExitCode, UserError
from models.http_client import RequestFailed
from models.library_environment import prepare_native_libraries
from models.network import weight_files
from models.settings import EncoderSettings, ImageSettings

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


def weights_digest(encoder: EncoderSettings, kept: bool) -> str | None:
    """SHA-256 of the weights, so that others train another model; "imagenet" as it is.

    Args:
      kept: whether the training loads what this machine keeps of a URL; otherwise the digest is the URL.

    Raises:
      UserError: they cannot be read, or downloaded where they are not kept yet.
    """
    weights = encoder.pretrained
    if weights is None or (is_address(weights) and not kept):
        return weights
    try:
        if is_address(weights):
            weight_files.fetch(weights)
        return weight_files.digest(weights) or weights
    except (OSError, RequestFailed) as error:
        why = getattr(error, "strerror", None) or error
        raise UserError(f"encoder.weights: {weights}: cannot be read: {why}", "train-weights") from None
