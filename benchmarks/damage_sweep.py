"""Damages each file below an output folder in turn, and checks what the same run, again, makes of it.

A file is flipped in one bit, cut short, emptied, removed, or exchanged with another one; its times stay. The next run
must name it and make it again, or end with exit code 2 and one line that names it, or not need it: then the identical
model serves, as training is deterministic. No damaged model may be loaded, and there is never a traceback.
"""

import argparse
import os
import random
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks._small_runs import load_libraries, require, run_arguments, siamese, write_images


def main() -> None:
    """Prints a line for each file; exits with 1 if one was not handled."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=100, help="at most; a sample of those there are")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--below", default="", help="files whose names, from the output folder on, match this pattern")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    load_libraries()

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_images(folder / "images")
        for _ in range(2):  # the second one compares with the model that serves, as the next ones do
            code, said = _run(folder)
            require(code == 0, f"the first runs end with {code}: {said}")
        shutil.copytree(folder / "output", folder / "intact", symlinks=True)
        files = [path.relative_to(folder / "intact") for path in sorted((folder / "intact").rglob("*"))]
        files = [file for file in files if re.search(arguments.below, str(file)) and _is_file(folder / "intact" / file)]
        counts: Counter[str] = Counter()
        for file in sorted(rng.sample(files, min(arguments.files, len(files)))):
            how = rng.choice(sorted(_DAMAGES))
            shutil.rmtree(folder / "output")
            shutil.copytree(folder / "intact", folder / "output", symlinks=True)
            _DAMAGES[how](folder / "output" / file, rng)
            found = _examine(folder, file)
            counts[found.partition(":")[0]] += 1
            print(f"{file} {how}: {found}", flush=True)
        for what, count in sorted(counts.items()):
            print(f"{count} files {what}")
        sys.exit("WRONG" in counts)


def _examine(folder: Path, file: Path) -> str:
    """What became of a damaged file."""
    output, name = folder / "output", str(file)
    if name.startswith("serving/") and not name.startswith("serving/."):
        image = str(next((folder / "images").rglob("*.png")))
        code, said = siamese(["compare", "--model", str(output / "serving"), image, image], folder / "said.txt")
        if code not in (0, 2) or "Traceback" in said or (code == 2 and file.name not in said):
            return f"WRONG: compare ends with {code}: {_last(said)}"
        if code == 0 and not file.name.endswith("model_card.md"):
            return "WRONG: compare takes the damaged model"
    code, said = _run(folder)
    if "Traceback" in said or code not in (0, 2, 3):
        return f"WRONG: exit code {code}: {said}"
    named = next((line for line in said.splitlines() if file.name in line or file.parts[-2:-1] == ("hosts",)), "")
    if code == 2:
        return f"named, the run ends: {named.strip()}" if named else f"WRONG: exit code 2: {_last(said)}"
    if "damaged" in named:
        return f"named and made again: {named.strip()}"
    if re.search(r"damaged, and made again: .*checksums", said):
        return "named and made again: by its checksums"
    if "Already serving" in said:
        return "not needed: the identical model serves"
    return f"WRONG: exit code {code}: {_last(said)}"


def _run(folder: Path) -> tuple[int, str]:
    images, output = folder / "images", folder / "output"
    return siamese(run_arguments(images, output, "training.deterministic=true"), folder / "said.txt")


def _last(said: str) -> str:
    return " | ".join(said.strip().splitlines()[-3:])


def _flip(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes() or b"\0")
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def _exchange(path: Path, rng: random.Random) -> None:
    others = [one for one in sorted(path.parent.iterdir()) if one.is_file() and one != path]
    path.write_bytes(rng.choice(others).read_bytes() if others else b"something else")


def _timeless(damage: Callable[[Path, random.Random], None]) -> Callable[[Path, random.Random], None]:
    def damaged(path: Path, rng: random.Random) -> None:
        times = path.stat()
        damage(path, rng)
        if path.exists():
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    return damaged


_DAMAGES = {
    "flipped": _timeless(_flip),
    "cut short": _timeless(lambda path, _: os.truncate(path, path.stat().st_size // 2)),
    "emptied": _timeless(lambda path, _: os.truncate(path, 0)),
    "removed": _timeless(lambda path, _: path.unlink()),
    "exchanged": _timeless(_exchange),
}


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


if __name__ == "__main__":
    main()
