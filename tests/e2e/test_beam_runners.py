"""The whole pipeline on runners of Beam whose workers are other processes, beside the run in one process.

The portable job service and the pool of workers are Beam's own. A real Flink, in the job server's own process, is run
where FLINK_JOB_SERVER_JAR names Beam's jar for it.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import beam_services
import pytest

from components.image_example_gen.transforms import CHUNK
from pipeline.runners.local.images import write_digits

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
SETTINGS = (
    *("image.height=8", "image.width=8", "data.split.by=image", "encoder.filters=[8, 16]", "encoder.embedding=16"),
    *("pairs.per_image=2", "training.epochs=2", "training.tensorboard=none"),
    *("gates.floors={accuracy: 0.5}", "gates.beats_pixels=false"),
)
JAR = "FLINK_JOB_SERVER_JAR"
CLOSE = 1e-9
# The last bit of a float32 score depends on the batch that it is computed in, and TFX forms batches by the clock: two
# runs in one process may differ by it. Metrics of the order of pairs do not change with it, the mean of scores does.
CLOSE_SCORES = 1e-6


@dataclass(frozen=True)
class Run:
    """What a run wrote."""

    output: Path
    code: int
    shown: str

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads((self.output / "runs" / "latest" / "summary.json").read_text())

    def files(self, *artifact: str) -> dict[str, bytes]:
        """The content of an artifact, by path within it."""
        (folder,) = (self.output / "artifacts").joinpath(*artifact).iterdir()
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def siamese_run(data: Path, folder: Path, beam: str | None = None) -> Run:
    output = folder / "output"
    sets = [part for one in SETTINGS for part in ("--set", one)]
    options = ["--beam", beam] if beam else []
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "run", "--data", str(data), "--output", str(output), *sets, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd=ROOT,
    )
    return Run(output, done.returncode, done.stdout)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """All digits: several chunks of the ingest; a file that is no image among them."""
    folder = write_digits(tmp_path_factory.mktemp("digits") / "data")
    (folder / "3" / "cut.png").write_bytes(next((folder / "3").iterdir()).read_bytes()[:50])
    return folder


@pytest.fixture(scope="module")
def services(tmp_path_factory) -> Any:
    with beam_services.services(tmp_path_factory.mktemp("services")) as running:
        yield running


@pytest.fixture(scope="module")
def here(data, tmp_path_factory) -> Run:
    return siamese_run(data, tmp_path_factory.mktemp("here"))


@pytest.fixture(scope="module", params=["portable", "flink"])
def elsewhere(request, data, services, tmp_path_factory) -> Run:
    # With a blank, as the options of other programs are given.
    beam = f"--runner PortableRunner {' '.join(services.options)}"
    if request.param == "flink":
        if not os.environ.get(JAR):
            pytest.skip(f"{JAR} names no jar of Beam's job server for Flink, which no package registry has")
        if not shutil.which("java"):
            pytest.skip("no Java to start Beam's job server for Flink with")
        pool = " ".join(services.options[1:])
        beam = f"--runner FlinkRunner --flink_job_server_jar {os.environ[JAR]} --parallelism 2 {pool}"
    return siamese_run(data, tmp_path_factory.mktemp(request.param), beam)


def test_both_push(here, elsewhere):
    assert here.code == 0, here.shown
    assert elsewhere.code == 0, elsewhere.shown
    assert elsewhere.summary["status"] == "pushed"


def test_ingest_writes_the_same_files(here, elsewhere):
    images = here.summary["counts"]["images"]
    assert images["images_read"] > 3 * CHUNK
    assert images["reasons"] == {"truncated": 1}
    for artifact in ("examples", "report"):
        files = here.files("ImageExampleGen", artifact)
        assert files
        assert elsewhere.files("ImageExampleGen", artifact) == files


def test_pairs_are_the_same_files(here, elsewhere):
    files = here.files("PairGenerator", "pairs")
    assert {name.partition("/")[0] for name in files} >= {"Split-train", "Split-val", "Split-test"}
    assert elsewhere.files("PairGenerator", "pairs") == files


def close(name: str, value: float) -> Any:
    return pytest.approx(value, abs=CLOSE_SCORES if name == "calibration_error" else CLOSE, nan_ok=True)


def test_metrics_and_threshold_are_the_same(here, elsewhere):
    ours, theirs = here.summary, elsewhere.summary
    assert ours["metrics"].keys() >= {"accuracy", "auc", "eer", "calibration_error"}
    assert theirs["metrics"].keys() == ours["metrics"].keys()
    for name, metric in ours["metrics"].items():
        for part in ("value", "low", "high"):
            assert theirs["metrics"][name][part] == close(name, metric[part]), (name, part)
    assert theirs["threshold"] == pytest.approx(ours["threshold"], abs=CLOSE)
    assert [(gate["name"], gate["passed"]) for gate in theirs["gates"]] == [
        (gate["name"], gate["passed"]) for gate in ours["gates"]
    ]


def test_evaluations_are_the_same(here, elsewhere):
    """TFMA's own, which the workers compute."""
    from components.evaluator.results import by_slice

    found = []
    for run in (here, elsewhere):
        (folder,) = (run.output / "artifacts" / "Evaluator" / "evaluation").iterdir()
        found.append(by_slice(str(folder), "candidate"))
    ours, theirs = found
    assert len(ours) > 1
    assert theirs.keys() == ours.keys()
    for one, metrics in ours.items():
        assert theirs[one].keys() == metrics.keys()
        for name, value in metrics.items():
            assert theirs[one][name] == close(name, value), (one, name)


def test_the_workers_are_a_stage_of_their_own(here, elsewhere):
    assert "workers of Beam" in elsewhere.shown
    assert "workers of Beam" not in here.shown
