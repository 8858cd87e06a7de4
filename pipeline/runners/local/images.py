"""The images of a run: their address and fingerprint; without arguments they are scikit-learn's handwritten digits."""

import hashlib
import os
import shutil
from pathlib import Path

from PIL import Image

from components.image_example_gen.sources.address import open_source
from components.storage.digests import Digests
from components.storage.folders import read_file
from models.addresses import is_address
from models.errors import UserError
from pipeline.config.configuration import DIGITS, Config


def images_of(config: Config, output: Path) -> str:
    """The address of the images; the source itself checks that they exist."""
    source = config.data.source
    if source is None:
        raise UserError(
            "no images: set --data to a folder, an archive or a manifest, or data.source in the configuration",
            code="data-no-images",
        )
    if source == DIGITS:
        return str(write_digits(output / "data" / "digits"))
    return source if is_address(source) else str(Path(source).absolute())


def data_fingerprint(config: Config, data_root: str, digests: Digests) -> str:
    """Changes with the images, and with the lists of pairs that decide where they go: their contents decide."""
    lists = [hashlib.sha256(read_file(address)).hexdigest() for address in config.pairs.protocol.given().values()]
    try:
        images = open_source(data_root, config.ingest).fingerprint(digests)
    except UserError as error:
        raise UserError(f"--data {error}", error.code) from None
    digests.write()
    return " ".join([images, *lists])


def write_digits(folder: Path) -> Path:
    """Writes the 1,797 digits (8x8, 16 grey levels) as ``folder/<digit>/<number>.png``; does nothing a second time.

    Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI 1998, as scikit-learn ships it.
    """
    if folder.is_dir():
        return folder
    from sklearn.datasets import load_digits

    staging = folder.with_name(f".{folder.name}-{os.getpid()}")
    shutil.rmtree(staging, ignore_errors=True)
    digits = load_digits()
    for number, (pixels, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        path = staging / str(label) / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * 255 / 16).round().astype("uint8")).save(path)
    staging.rename(folder)
    return folder
