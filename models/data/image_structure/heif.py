"""HEIC and AVIF, whose video codecs no structure bounds: decoded by a process that can be ended."""

import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from PIL import features

from models.data.image_structure import heif_process
from models.data.image_structure.budget import Budget, UnreadableImage, over_budget

FORMATS = ("HEIC", "AVIF")
_BRANDS = {
    "AVIF": (b"avif", b"avis"),
    "HEIC": (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"),
}
_SECONDS = 60


def kind_of(beginning: bytes) -> str | None:
    """HEIC or AVIF, by the brands at the begin of a file; None for neither."""
    if beginning[4:8] != b"ftyp":
        return None
    brands = {beginning[at : at + 4] for at in (8, *range(16, min(32, int.from_bytes(beginning[:4], "big")), 4))}
    return next((kind for kind, some in _BRANDS.items() if not brands.isdisjoint(some)), None)


def missing(kind: str) -> str:
    """What to install before files of this kind can be read; "" if it is there."""
    installed = features.check("avif") if kind == "AVIF" else find_spec("pillow_heif")
    return "" if installed else f"{kind} needs another package: pip install 'siamese-pipeline[heif]'"


def as_png(data: bytes, kind: str, budget: Budget) -> bytes:
    """The image as PNG, upright, without metadata.

    Raises:
      UnreadableImage: pillow-heif is not installed; too many pixels or frames; damaged; over budget.
    """
    if reason := missing(kind):
        raise UnreadableImage(reason)
    command = [
        sys.executable,
        "-I",
        str(Path(heif_process.__file__)),
        kind,
        str(budget.max_pixels),
        str(budget.max_frames),
    ]
    try:
        done = _done(command, data)
        if done.returncode < 0 and done.returncode != -signal.SIGXCPU:  # perhaps by chance, as when memory runs out
            done = _done(command, data)
    except subprocess.TimeoutExpired:
        raise over_budget(f"{kind} of more than {_SECONDS} seconds") from None
    if done.returncode == heif_process.REFUSED:
        raise UnreadableImage(done.stderr.decode(errors="replace").splitlines()[-1])
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise over_budget(f"{kind} of more than {heif_process.SECONDS} seconds of a core")
    if done.returncode:
        raise UnreadableImage("damaged: its data cannot be decoded")
    return done.stdout


def _done(command: list[str], data: bytes) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(command, input=data, capture_output=True, timeout=_SECONDS, check=False)
