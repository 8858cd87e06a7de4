import json

import pytest

from pipeline.runners.kubeflow.runs.run_artifacts import read_outcome

OUTCOME = {"name": "faces", "run_id": "r1", "status": "pushed", "pushed_version": 7}


@pytest.fixture
def root(tmp_path):
    """A pipeline root with the outcome of one run, of two attempts."""
    for attempt, version in (("uuid-1", 6), ("uuid-2", 7)):
        folder = tmp_path / "root" / "faces" / "r1" / "Outcome" / attempt / "outcome"
        folder.mkdir(parents=True)
        (folder / "outcome.json").write_text(json.dumps({**OUTCOME, "pushed_version": version}))
    return f"file://{tmp_path}/root"


def test_the_outcome_is_read_from_the_pipeline_root(root):
    outcome = read_outcome(root, "faces", "r1")
    assert (outcome.status, outcome.pushed_version) == ("pushed", 7)


@pytest.mark.parametrize("run", ["r2", "r1/../r1"])
def test_another_run_has_none(root, run):
    assert (read_outcome(root, "faces", run) is None) == (run == "r2")


@pytest.mark.parametrize("root", ["gs://no-library-or-no-bucket", "minio://mlpipeline/root", "nonsense://x", "s3://"])
def test_a_root_that_cannot_be_read_from_here_is_no_failure(root, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert read_outcome(root, "faces", "r1", patience=0.5) is None


def test_a_damaged_outcome_is_none(root, tmp_path):
    for file in (tmp_path / "root").rglob("outcome.json"):
        file.write_text("{")
    assert read_outcome(root, "faces", "r1") is None
