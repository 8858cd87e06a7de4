"""What release 0.1.0 left in an output folder is still read: its run is listed, its model serves and is the baseline.

``release_0.1.0/output.tar.gz`` holds ``runs/`` and ``serving/`` of a run of the default digits, made by that release.
"""

import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from components.run_outcome.summary import read_summaries
from components.serving_folder.serving_folder import versions
from models.export.inference import LoadedModel
from pipeline.cli.main import app
from pipeline.config import load_config
from pipeline.runners.local.run import run

pytestmark = pytest.mark.e2e

VERSION = 1795934889


@pytest.fixture
def output(tmp_path) -> Path:
    with tarfile.open(Path(__file__).parent / "release_0.1.0" / "output.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def test_its_run_is_listed_with_its_verdict(output):
    listed = CliRunner().invoke(app, ["runs", "--output", str(output), "--json"])
    assert listed.exit_code == 0, listed.output
    (one,) = json.loads(listed.output)
    assert (one["run_id"], one["status"], one["pushed_version"]) == ("20261129T064719Z", "pushed", VERSION)
    (summary,) = read_summaries(output)
    assert summary.outcome.exit_code == 0
    assert {gate.name for gate in summary.outcome.gates} >= {"floors", "polarity", "serving"}


def test_its_model_serves(output, tmp_path):
    image = tmp_path / "a.png"
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) * 4).save(image)
    model = LoadedModel(output / "serving" / str(VERSION))
    found = model.compare(image, image)
    assert found.same and found.distance == pytest.approx(0, abs=1e-3)


def test_its_model_is_the_baseline_of_a_run(output):
    shutil.rmtree(output / "runs")
    config = load_config(overrides=["training.epochs=1", "gates.floors={accuracy: 0.999}"])
    assert run(config, output) == 3
    (summary,) = read_summaries(output)
    assert summary.baseline_metrics["accuracy"].value > 0.9
    assert versions(output / "serving") == [VERSION]
