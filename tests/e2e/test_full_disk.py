"""A disk that takes no more in the middle of a run: a limit on the size of files is one that any user can set."""

import json
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.e2e
SETTINGS = (
    *("data.split.train=0.5", "data.split.val=0.25", "data.split.test=0.25", "image.height=8", "image.width=8"),
    *("image.channels=1", "encoder.filters=[2, 4]", "encoder.embedding=4", "pairs.per_image=2", "training.epochs=1"),
    *("training.tensorboard=none", "gates.floors={accuracy: 0.01}", "gates.beats_pixels=false"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("full")
    for identity in range(16):
        shown = rng.integers(0, 256, (8, 8))
        for number in range(4):
            path = folder / "images" / f"{identity:02}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.clip(shown + rng.normal(0, 20, (8, 8)), 0, 255).astype("uint8")).save(path)
    return folder


def run(folder: Path, longest: int | None) -> tuple[int, dict, str]:
    """Exit code, summary and output of a run whose files may have so many bytes."""
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (longest, longest)) if longest else None
    settings = [argument for one in SETTINGS for argument in ("--set", one)]
    command = [sys.executable, "-m", "pipeline", "run", "--data", folder / "images", "--output", folder / "out"]
    done = subprocess.run([*command, *settings], capture_output=True, text=True, check=False, preexec_fn=limit)
    said = done.stdout + done.stderr
    return done.returncode, json.loads((folder / "out" / "runs" / "latest" / "summary.json").read_text()), said


# The metadata store grows to 300 kB, a SavedModel has 200 kB, the report 5 MB.
@pytest.mark.parametrize("kilobytes", [120, 250])
def test_a_run_that_cannot_write_says_so_in_one_line_and_serves_nothing(folder, kilobytes):
    code, summary, said = run(folder, kilobytes * 1000)
    assert (code, summary["status"]) == (2, "failed"), said
    assert "Traceback" not in said
    assert sum("[disk-full]" in line for line in said.splitlines()) == 1, said
    assert not [path for path in (folder / "out" / "serving").glob("*") if path.name[0] != "."]


def test_a_pushed_model_is_pushed_whatever_can_be_written_afterwards(folder):
    code, summary, said = run(folder, 3_000_000)
    assert (code, summary["status"]) == (0, "pushed"), said
    assert [path.name for path in (folder / "out" / "serving").glob("[0-9]*")] == [str(summary["pushed_version"])]
    code, summary, said = run(folder, None)
    assert (code, summary["status"]) == (0, "pushed"), said
    assert "Already serving" in said
