"""Runs on disks that are too small: from 5% of the space that a run needs to all of it, in steps of 5%.

Each disk is a tmpfs, in a namespace of its own where this user is not root. It holds one of the folders that a run
writes to: the output folder, that of temporary files, or the serving folder. A run must end with exit code 2 and one
line that says so, or with 0 where it has pushed; what serves must be what was pushed; and after the disk has grown the
same run must end with a verdict. Prints a line for each size.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.run_kills import SETTINGS, write_images

_PLACES = ("output", "tmp", "serving")
_FULL = re.compile(r"no space|MB free|GB are free|disk is full|could not be written|no usable temporary", re.IGNORECASE)
_LARGE = 1 << 30


def main() -> None:
    """Prints the outcome at each size; exits with 1 at the first violation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--places", nargs="+", choices=_PLACES, default=list(_PLACES))
    parser.add_argument("--step", type=int, default=5, help="per cent")
    arguments = parser.parse_args()
    if os.geteuid():
        os.execvp("unshare", ["unshare", "-Urm", sys.executable, "-m", "benchmarks", "disk_sweep", *sys.argv[1:]])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_images(folder / "images")
        for place in arguments.places:
            _sweep(folder, place, arguments.step)


def _sweep(folder: Path, place: str, step: int) -> None:
    with _disk(folder / place, _LARGE):
        code, said, need = _run(folder, place)
        _require(code == 0, f"the run with space ends with {code}: {said}")
    print(f"{place}: a run needs {need / 1e3:,.0f} kB", flush=True)
    for per_cent in range(step, 101, step):
        if place != "serving":  # its runs need only push
            shutil.rmtree(folder / "output", ignore_errors=True)
        with _disk(folder / place, max(need * per_cent // 100, 1 << 13)):
            code, said, _ = _run(folder, place)
            served = _served(_serving(folder, place))
            _require(code == 2 or (code == 0 and served), f"{place} {per_cent}%: exit code {code}: {said}")
            _require(code == 0 or _FULL.search(said[-1]), f"{place} {per_cent}%: no line says so: {said}")
            subprocess.run(["mount", "-o", f"remount,size={_LARGE}", str(folder / place)], check=True)
            again, then, _ = _run(folder, place)
            _require(
                again in (0, 3) and _served(_serving(folder, place)),
                f"{place} {per_cent}%, then with space: {again}: {then}",
            )
            print(f"{place} {per_cent:3}%: {code}, then {again}: {said[-1].replace(str(folder), '')}", flush=True)


@contextmanager
def _disk(folder: Path, size: int) -> Iterator[None]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "sweep", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _run(folder: Path, place: str) -> tuple[int, list[str], int]:
    """A run's exit code, its last lines, and the largest number of bytes on the disk of ``place``."""
    settings = (*SETTINGS, f"push.serving_dir={_serving(folder, place)}")
    command = [sys.executable, "-m", "pipeline", "run", "--data", str(folder / "images")]
    command += ["--output", str(folder / "output"), *(argument for one in settings for argument in ("--set", one))]
    (folder / "tmp").mkdir(exist_ok=True)
    environment, most = {**os.environ, "TMPDIR": str(folder / "tmp")}, 0
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, env=environment)
        while process.poll() is None:
            most = max(most, shutil.disk_usage(folder / place).used)
            time.sleep(0.02)
        said.seek(0)
        lines = [line.strip() for line in said if line.strip()]
    _require(not any(line.startswith("Traceback") for line in lines), "\n".join(lines))
    verdict = [line for line in lines if re.match(r"error:|Failed|Pushed|Refused|Already", line)]
    return process.returncode, [*lines[-2:], verdict[-1] if verdict else ""], most


def _serving(folder: Path, place: str) -> Path:
    return folder / "serving" if place == "serving" else folder / "output" / "serving"


def _served(serving: Path) -> bool:
    """Whether a version serves, which must be as it was pushed."""
    from components.serving_folder.serving_folder import fetch_served

    with tempfile.TemporaryDirectory() as copy:
        return fetch_served(serving, Path(copy) / "model") is not None


def _require(holds: object, what: str) -> None:
    if not holds:
        raise AssertionError(f"violated: {what}")


if __name__ == "__main__":
    main()
