"""Small runs, for benchmarks that need many: 96 images of 8x8 pixels, and ``siamese`` with TFX loaded once for all."""

import os
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

SETTINGS = (
    *("data.split.train=0.5", "data.split.val=0.25", "data.split.test=0.25", "image.height=8", "image.width=8"),
    *("image.channels=1", "encoder.filters=[2, 4]", "encoder.embedding=4", "pairs.per_image=2", "training.epochs=2"),
    *("training.tensorboard=none", "gates.floors={accuracy: 0.01}", "gates.beats_pixels=false"),
)
_LONGEST = 1800.0  # seconds of a command


def run_arguments(images: Path, output: Path, *settings: str) -> list[str]:
    """The arguments of a small run."""
    changes = [argument for one in (*SETTINGS, *settings) for argument in ("--set", one)]
    return ["run", "--data", str(images), "--output", str(output), *changes]


def write_images(folder: Path) -> None:
    """24 identities with 4 images each; those of the first in HEIC, where it can be written."""
    import numpy as np
    from PIL import Image

    try:
        import pillow_heif

        pillow_heif.register_heif_opener()
        first = "heic"
    except ImportError:
        first = "png"
    rng = np.random.default_rng(0)
    for identity in range(24):
        shown = rng.integers(0, 256, (8, 8))
        for number in range(4):
            path = folder / f"{identity:02}" / f"{number}.{'png' if identity else first}"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.clip(shown + rng.normal(0, 20, (8, 8)), 0, 255).astype("uint8")
            Image.fromarray(pixels).resize((64, 64)).save(path)


def load_libraries() -> ModuleType:
    """Imports all that a run needs, so that ``siamese`` need not."""
    import pipeline.cli.main
    import pipeline.runners.local.runner

    return pipeline.runners.local.runner


def siamese(arguments: list[str], log: Path, temporary: Path | None = None) -> tuple[int, str]:
    """The exit code and the output, which goes to ``log``, of a command in a process of its own.

    ``temporary`` is the folder of temporary files; default: the system's.
    """
    from pipeline.cli.main import main as command

    child = os.fork()
    if not child:
        code = 1
        try:
            with log.open("wb") as file:
                for descriptor in (1, 2):
                    os.dup2(file.fileno(), descriptor)
            if temporary:
                os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
            sys.argv = ["siamese", *arguments]
            command()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        except BaseException:  # noqa: BLE001 - as the interpreter prints it
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    until = time.monotonic() + _LONGEST
    while not (waited := os.waitpid(child, os.WNOHANG))[0]:
        require(time.monotonic() < until, f"the command ends: {arguments}")
        time.sleep(0.05)
    return os.waitstatus_to_exitcode(waited[1]), log.read_text(encoding="utf-8", errors="replace")


def require(holds: object, what: str) -> None:
    """Raises ``AssertionError`` if a promise is not kept."""
    if not holds:
        raise AssertionError(f"violated: {what}")
