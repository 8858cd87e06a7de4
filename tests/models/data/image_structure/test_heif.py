"""HEIC and AVIF: what is read, and a process that hangs, dies, or takes too much time or memory."""

import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from crafted_images import GREY, RGB, encoded, exif, pixels, refusal
from PIL import Image

from models.data.image_formats import UnreadableImage, has_image_magic, normalise, opened
from models.data.image_structure import heif

AVIF = encoded("AVIF", quality=98, subsampling="4:4:4")
DECODER = """
import os, signal, sys, time
from types import SimpleNamespace
from PIL import Image, ImageFile

options = SimpleNamespace()

def register_heif_opener():
    Image.register_open("HEIF", Decoder, lambda prefix: True)

class Decoder(ImageFile.ImageFile):
    format = "HEIF"

    def _open(self):
        self._size, self._mode = (4, 4), "L"

    def load(self):
        {does}
"""


@pytest.fixture
def decoder(tmp_path, monkeypatch):
    """Puts a decoder of HEIC in place of the real one, for the process only."""

    def put(does: str) -> bytes:
        (tmp_path / "pillow_heif.py").write_text(DECODER.format(does=does))
        return b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"

    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return put


def zombies() -> list[str]:
    children = [path.read_text().split() for path in Path("/proc/self/task").glob("*/children")]
    states = [Path(f"/proc/{child}/stat").read_text() for some in children for child in some]
    return [state for state in states if state.rpartition(")")[2].split()[0] == "Z"]


@pytest.mark.parametrize(
    ("does", "limits", "reason"),
    [
        ("while True: pass", {"_CORE_SECONDS": 1}, "over budget: HEIC of more than 1 seconds of a core"),
        ("time.sleep(3600)", {"_SECONDS": 3}, "over budget: HEIC of more than 3 seconds"),
        ("bytearray(4 * 1024**3)", {"_MEMORY": 1024**3}, "over budget: HEIC of more than 1024 MB"),
        ("bytearray(5 * 1024**3)", {}, "over budget: HEIC of more than 4096 MB"),
        ("os.kill(os.getpid(), signal.SIGKILL)", {}, "over budget: HEIC whose decoder was killed"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", {}, "damaged: its data cannot be decoded"),
        ("os.abort()", {}, "damaged: its data cannot be decoded"),
        ("raise ValueError", {}, "damaged: its data cannot be decoded"),
        ("raise OSError('image file is truncated')", {}, "truncated"),
        ("sys.exit('no codec')", {}, "not decoded: the process that reads HEIC failed: no codec"),
    ],
    ids=["core", "hangs", "memory", "most memory", "killed", "crash", "abort", "error", "truncated", "exit"],
)  # fmt: skip
def test_a_decoder_that_fails_costs_one_image(decoder, monkeypatch, does, limits, reason):
    for name, value in limits.items():
        monkeypatch.setattr(heif, name, value)
    assert refusal(decoder(does)) == reason
    assert zombies() == []
    assert normalise(AVIF).width == 32


def test_decoders_that_die_beside_others(decoder):
    dies = decoder("os.kill(os.getpid(), signal.SIGSEGV)")

    def read(data: bytes) -> str:
        try:
            return normalise(data).format
        except UnreadableImage as error:
            return error.reason[:7]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(read, [dies, AVIF] * 4)) == ["damaged", "AVIF"] * 4
    assert zombies() == []


def test_no_process_is_no_damaged_image(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(OSError, match="nowhere"):
        normalise(AVIF)


def test_lower_limits_of_the_environment_are_kept():
    numbers = "50000000 1000 30 4294967296"
    program = f"ulimit -t 20 -v 3000000; exec {sys.executable} -I -S {heif._PROGRAM} '{os.pathsep.join(sys.path)}' AVIF"
    done = subprocess.run(["bash", "-c", f"{program} {numbers}"], input=AVIF, capture_output=True, check=False)
    assert (done.returncode, done.stdout.partition(b"\n")[0]) == (0, b"RGB 32 24")


def shades(data: bytes) -> np.ndarray:
    return pixels(data).astype(int)


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_what_is_read(kind):
    full = {"chroma": "444"} if kind == "HEIF" else {"subsampling": "4:4:4"}
    np.testing.assert_allclose(shades(encoded(kind, quality=98, **full)), RGB, atol=16)
    see_through = np.dstack([RGB, np.where(RGB[..., 0] < 128, 255, 0)]).astype(np.uint8)
    shown = shades(encoded(kind, see_through, quality=98, **full))
    np.testing.assert_allclose(shown[:, :14], RGB[:, :14], atol=24)
    np.testing.assert_allclose(shown[:, 18:], 255, atol=24)
    assert abs(shades(encoded(kind, Image.fromarray(GREY), quality=98)).reshape(24, 32, -1)[..., 0] - GREY).max() < 16
    two = encoded(kind, save_all=True, append_images=[Image.fromarray(255 - RGB)], quality=98, **full)
    np.testing.assert_allclose(shades(two), RGB, atol=16)
    assert refusal(two, max_frames=1) == "too many frames: more than 1"
    assert refusal(two, max_pixels=767) == "too many pixels: 32x24 > 767"


def test_orientation_is_undone_once():
    turned = np.ascontiguousarray(np.rot90(RGB))
    data = encoded("AVIF", turned, quality=98, subsampling="4:4:4", exif=b"Exif\0\0" + exif(0, 0))
    np.testing.assert_allclose(shades(data), RGB, atol=16)


def test_more_than_eight_bits_are_scaled():
    import pillow_heif

    wide, file = RGB.astype(np.uint16) * 257, io.BytesIO()
    pillow_heif.from_bytes(mode="RGB;16", size=(32, 24), data=wide.tobytes()).save(file, quality=98, chroma=444)
    np.testing.assert_allclose(shades(file.getvalue()), RGB, atol=16)


def test_a_report_shows_them_too():
    with opened(AVIF) as image:
        image.draft("RGB", (8, 8))
        image.thumbnail((8, 8))
        assert (image.mode, image.size) == ("RGB", (8, 6))


@pytest.mark.parametrize(
    ("brands", "kind"),
    [
        (b"heic\0\0\0\0mif1heic", "HEIC"), (b"mif1\0\0\0\0mif1avif", "AVIF"), (b"avis\0\0\0\0avif", "AVIF"),
        (b"mif1\0\0\0\0", "HEIC"), (b"isom\0\0\0\0isommp42", None), (b"qt  \0\0\0\0qt  ", None),
    ],
)  # fmt: skip
def test_brands(brands, kind):
    beginning = (len(brands) + 8).to_bytes(4, "big") + b"ftyp" + brands
    assert heif.kind_of(beginning) == kind
    assert has_image_magic(beginning) == (kind is not None)


@pytest.mark.parametrize("length", [24, 200, len(AVIF) - 20])
def test_a_part_of_a_file_is_refused(length):
    assert refusal(AVIF[:length]).startswith(("damaged", "truncated"))
