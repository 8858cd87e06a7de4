"""The weights that the user gives a backbone to begin with: are they there, and are they the same as before?"""

import hashlib
from pathlib import Path

from models.errors import UserError
from models.settings import EncoderSettings


def check_weights(encoder: EncoderSettings) -> None:
    """Refuses weights that are no file, before anything has run.

    Raises:
      UserError: ``encoder.weights`` names a file that is missing.
    """
    given = encoder.pretrained
    if given not in (None, "imagenet") and "://" not in given and not Path(given).is_file():
        raise UserError(
            f"encoder.weights: {given}: no such file; give one of keras.applications.{encoder.backbone} "
            "(include_top=False), a URL, imagenet or none"
        )


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
