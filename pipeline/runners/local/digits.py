"""The images of a run without arguments: scikit-learn's real handwritten digits, as files like any user's."""

import os
import shutil
from pathlib import Path

from PIL import Image


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
