"""A whole run on many small images: seconds and peak memory of each component, on one core and on all.

    python -m benchmarks scale [--images 20000 100000] [--epochs 1] [--cores 1 2]

Makes ``--images`` PNG files of 28x28 grey pixels (seed 0: 20 an identity, a smooth pattern each, with noise) and runs
``siamese run`` on them, split by identity, into a new output folder, bound to so many cores. *MB* is the largest
resident set of the run's process while the component worked; components may run beside each other.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_EACH = 20  # images of an identity
_GATES = ("gates.floors={accuracy: 0.5}", "gates.beats_pixels=false", "data.near_duplicates=off")


def main() -> None:
    """Makes the images of each case, runs it, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--cores", type=int, nargs="+", default=[1, len(os.sched_getaffinity(0))])
    args = parser.parse_args()
    runs: dict[str, dict[str, Any]] = {}
    for count in args.images:
        with tempfile.TemporaryDirectory() as folder:
            write_images(Path(folder) / "images", count)
            for cores in dict.fromkeys(args.cores):
                name = f"{count:,}, {cores} core{'s' if cores > 1 else ''}"
                runs[name] = _run(Path(folder), cores, args.epochs)
                print(f"{name}: {runs[name]['status']} in {runs[name]['wall']:.0f} s", flush=True)
    _print(runs)


def write_images(folder: Path, count: int) -> None:
    """``count`` images of ``count / 20`` identities."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for identity in range(count // _EACH):
        target = folder / f"{identity:06}"
        target.mkdir(parents=True)
        pattern = Image.fromarray(rng.integers(0, 256, (5, 5), np.uint8)).resize((28, 28), Image.Resampling.BICUBIC)
        noisy = np.asarray(pattern) + rng.normal(0, 25, (_EACH, 28, 28))
        for number, pixels in enumerate(np.clip(noisy, 0, 255).astype(np.uint8)):
            Image.fromarray(pixels).save(target / f"{number:02}.png", compress_level=1)


def _run(folder: Path, cores: int, epochs: int) -> dict[str, Any]:
    output = folder / f"output{cores}"
    settings = ("image.height=28", "image.width=28", f"training.epochs={epochs}", *_GATES)
    command = [sys.executable, "-m", "pipeline", "run", "--data", str(folder / "images"), "--output", str(output)]
    command += [argument for one in settings for argument in ("--set", one)]
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    started = time.perf_counter()
    done = subprocess.run(
        ["taskset", "--cpu-list", ",".join(map(str, allowed)), *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    wall = time.perf_counter() - started
    if done.returncode not in (0, 3):
        raise SystemExit(done.stdout + done.stderr)
    summary: dict[str, Any] = json.loads((output / "runs" / "latest" / "summary.json").read_text(encoding="utf-8"))
    return {**summary, "wall": wall}


def _print(runs: dict[str, dict[str, Any]]) -> None:
    print("\n| | " + " | ".join(f"{name}: s | MB" for name in runs) + " |")
    print("|---|" + "---:|---:|" * len(runs))
    stages = dict.fromkeys(stage for run in runs.values() for stage in run["peak_memory_mb"])
    for stage in stages:
        cells = (
            f"{run['timings'].get(stage, float('nan')):.1f} | {run['peak_memory_mb'].get(stage, 0):,.0f}"
            for run in runs.values()
        )
        print(f"| {stage} | " + " | ".join(cells) + " |")
    ends = (f"{run['wall']:.1f} | {max(run['peak_memory_mb'].values()):,.0f}" for run in runs.values())
    print("| the whole command | " + " | ".join(ends) + " |")


if __name__ == "__main__":
    main()
