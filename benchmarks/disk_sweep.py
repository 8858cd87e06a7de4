"""Runs on disks that are too small: from 5% of the space that a run needs to push to all of it, in steps of 5%.

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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks._small_runs import load_libraries, require, run_arguments, siamese, write_images

_PLACES = ("output", "tmp", "serving")
_FULL = re.compile(r"\[(model-|train-)?disk-full\]|\[data-disk-space\]|no usable temporary", re.IGNORECASE)
_LARGE = 1 << 30
_AFTER_THE_PUSH = ("report.html",)  # 5 MB each, whatever the images


def main() -> None:
    """Prints the outcome at each size; exits with 1 at the first violation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--places", nargs="+", choices=_PLACES, default=list(_PLACES))
    parser.add_argument("--step", type=int, default=5, help="per cent")
    parser.add_argument("--first", type=int, default=0, help="per cent to begin with")
    arguments = parser.parse_args()
    if os.geteuid():
        os.execvp("unshare", ["unshare", "-Urm", sys.executable, "-m", "benchmarks", "disk_sweep", *sys.argv[1:]])
    load_libraries()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_images(folder / "images")
        for place in arguments.places:
            _sweep(folder, place, arguments.first or arguments.step, arguments.step)


def _sweep(folder: Path, place: str, first: int, step: int) -> None:
    with _disk(folder / place, _LARGE):
        code, said = _run(folder, place)
        require(code == 0, f"the run with space ends with {code}: {said}")
        late = [path for path in (folder / place).rglob("*") if path.name in _AFTER_THE_PUSH and not path.is_symlink()]
        need = shutil.disk_usage(folder / place).used - sum(path.stat().st_size for path in late)
    need = max(need, 1 << 17)  # temporary files come and go
    print(f"{place}: {need / 1e3:,.0f} kB", flush=True)
    for per_cent in range(first, 101, step):
        if place != "serving":  # whose runs need only push
            shutil.rmtree(folder / "output", ignore_errors=True)
        with _disk(folder / place, need * per_cent // 100):
            code, said = _run(folder, place)
            served = _served(folder, place)
            require(code == 2 or (code == 0 and served), f"{place} {per_cent}%: exit code {code}: {said}")
            require(code == 0 or _FULL.search(said), f"{place} {per_cent}%: no line says so: {said}")
            subprocess.run(["mount", "-o", f"remount,size={_LARGE}", str(folder / place)], check=True)
            again, then = _run(folder, place)
            require(
                again in (0, 3) and _served(folder, place), f"{place} {per_cent}%, then with space: {again}: {then}"
            )
            print(f"{place} {per_cent:3}%: {code}, then {again}: {said.replace(str(folder), '')}", flush=True)


@contextmanager
def _disk(folder: Path, size: int) -> Iterator[None]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "sweep", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _run(folder: Path, place: str) -> tuple[int, str]:
    """A run's exit code, and its verdict and what follows."""
    (folder / "tmp").mkdir(exist_ok=True)
    arguments = run_arguments(folder / "images", folder / "output", f"push.serving_dir={_serving(folder, place)}")
    code, said = siamese(arguments, folder / "said.txt", folder / "tmp")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    require(not any(line.startswith("Traceback") for line in lines), said)
    verdicts = [n for n, line in enumerate(lines) if re.match(r"error:|Failed|Pushed|Refused|Already", line)]
    return code, " | ".join(lines[verdicts[-1] :] if verdicts else lines[-2:])


def _serving(folder: Path, place: str) -> Path:
    return folder / "serving" if place == "serving" else folder / "output" / "serving"


def _served(folder: Path, place: str) -> bool:
    """Whether a version serves, which must be as it was pushed."""
    from components.serving_folder.serving_folder import fetch_served

    with tempfile.TemporaryDirectory() as copy:
        return fetch_served(_serving(folder, place), Path(copy) / "model") is not None


if __name__ == "__main__":
    main()
