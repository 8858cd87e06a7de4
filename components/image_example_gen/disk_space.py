"""Whether what is about to be written fits."""

import shutil
from pathlib import Path

from models.errors import UserError
from models.settings import ImageSettings

_OVERHEAD = 768  # bytes of an Example beside its pixels, and of its row


def bytes_needed(images: int, image: ImageSettings) -> int:
    """An upper estimate of the Examples of so many images."""
    return images * (image.height * image.width * image.channels + _OVERHEAD)


def check_space(uri: str, needed: int) -> None:
    """Checks the free space where ``uri`` will be written; says nothing of remote storage.

    Raises:
      UserError: there is too little.
    """
    if "://" in uri:
        return
    folder = Path(uri).absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"{folder}: {free / 1e9:.1f} GB free, but the images need about {needed / 1e9:.1f} GB; "
            "free some, choose another output folder or a smaller image size"
        )
