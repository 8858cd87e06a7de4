"""HEIC and AVIF, whose video codecs no structure bounds: decoded by a process that can be ended."""

import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, features

from models.data.image_structure import heif_process
from models.data.image_structure.budget import Budget, UnreadableImage, over_budget

FORMATS = ("HEIC", "AVIF")
_BRANDS = {
    "AVIF": (b"avif", b"avis"),
    "HEIC": (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"),
}
_PROGRAM = Path(heif_process.__file__)
_SECONDS, _CORE_SECONDS, _MEMORY = 60, 30, 4 * 1024**3  # of an honest image of 50 million pixels: 2, 2, 1 GB


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


def decoded(data: bytes, kind: str, budget: Budget) -> Image.Image:
    """The image, upright, without metadata.

    Raises:
      UnreadableImage: pillow-heif is not installed; too many pixels or frames; damaged; over budget.
      OSError: no process can be started.
    """
    if reason := missing(kind):
        raise UnreadableImage(reason)
    numbers = (budget.max_pixels, budget.max_frames, _CORE_SECONDS, _MEMORY)
    command = [sys.executable, "-I", "-S", str(_PROGRAM), os.pathsep.join(sys.path), kind, *map(str, numbers)]
    try:
        done = _done(command, data)
        if done.returncode < 0 and done.returncode != -signal.SIGXCPU:  # perhaps by chance, as when memory runs out
            done = _done(command, data)
    except subprocess.TimeoutExpired:  # the process was ended and waited for
        raise over_budget(f"{kind} of more than {_SECONDS} seconds") from None
    last = done.stderr.decode(errors="replace").rstrip().rpartition("\n")[2][:120]
    if done.returncode == heif_process.REFUSED:
        raise UnreadableImage(last)
    if done.returncode == -signal.SIGXCPU:
        raise over_budget(f"{kind} of more than {_CORE_SECONDS} seconds of a core")
    if done.returncode == -signal.SIGKILL:  # which the system does that lacks memory
        raise over_budget(f"{kind} whose decoder was killed")
    if done.returncode < 0:
        raise UnreadableImage("damaged: its data cannot be decoded")
    if done.returncode:
        raise UnreadableImage(f"not decoded: the process that reads {kind} failed: {last}")
    header, _, pixels = done.stdout.partition(b"\n")
    mode, width, height = header.decode().split()
    return Image.frombytes(mode, (int(width), int(height)), pixels)


def _done(command: list[str], data: bytes) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(command, input=data, capture_output=True, timeout=_SECONDS, check=False)
