"""Entire runs on a real object store: images, pipeline root and serving folder in it; and one whose store goes away."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from kubeflow_backend import Backend, S3Stores
from s3fs import S3FileSystem
from seaweedfs import FaultyProxy

from components.serving_folder.serving_folder import fetch_served, history, versions
from pipeline.config import load_config
from pipeline.runners.kubeflow.compile.compilation import compile_pipeline
from pipeline.runners.kubeflow.runs.run_artifacts import RunInRoot
from pipeline.runners.local.images import write_digits

pytestmark = [pytest.mark.e2e, pytest.mark.s3]

SETTINGS = {
    "name": "digits",
    "image": {"height": 8, "width": 8, "channels": 1},
    "encoder": {"filters": [16, 32], "embedding": 32, "dropout": 0.0},
    "loss": {"form": "pairs", "margin": 1.0},
    "training": {"epochs": 2},
    "gates": {"floors": {"accuracy": 0.7}},
}


@pytest.fixture
def digits(s3, tmp_path) -> str:
    """The address of the digits in the store: of each, the first 40 images."""
    local = write_digits(tmp_path / "digits")
    files = {f"{s3}/digits/{digit}/{one.name}": one for digit in "0123456789" for one in first(local / digit, 40)}
    S3FileSystem().pipe({address: path.read_bytes() for address, path in files.items()})
    return f"{s3}/digits"


def first(folder: Path, count: int) -> list[Path]:
    return sorted(folder.iterdir())[:count]


def compiled(seaweedfs, s3: str, source: str, folder: Path) -> Path:
    kubeflow = {
        "image": "registry.example/siamese@sha256:" + 64 * "0",
        "pipeline_root": f"{s3}/root",
        "env": seaweedfs.environment(),
    }
    content = {
        **SETTINGS,
        "data": {"source": source, "split": {"by": "image"}},
        "push": {"serving_dir": f"{s3}/serving"},
        "kubeflow": kubeflow,
    }
    config = folder / f"{source.rpartition('/')[2]}.yaml"
    config.write_text(yaml.safe_dump(content))
    file = config.with_suffix(".pipeline.yaml")
    compile_pipeline(load_config(config)).write(file)
    return file


def test_images_pipeline_root_and_serving_folder_in_one_store(seaweedfs, s3, digits, tmp_path):
    backend = Backend(tmp_path / "cluster", stores=S3Stores(tmp_path / "cluster"))
    run = backend.run(compiled(seaweedfs, s3, digits, tmp_path), pipeline_root=f"{s3}/root")
    assert run.state == "SUCCEEDED", {name: run.tasks[name].logs for name in run.failed}

    root = RunInRoot(f"{s3}/root", "digits", run.run_id)
    outcome = root.outcome()
    assert (outcome.status, [outcome.pushed_version]) == ("pushed", versions(f"{s3}/serving"))
    assert b"report" in root.page()
    assert fetch_served(f"{s3}/serving", tmp_path / "fetched") == outcome.pushed_version
    assert [event.run_id for event in history(f"{s3}/serving").events] == [run.run_id]
    record, _ = root.fetch(tmp_path / "report")
    assert {"model", "pairs", "examples"} & record.keys()

    wrong = backend.run(compiled(seaweedfs, s3, f"{s3}/nothing", tmp_path), pipeline_root=f"{s3}/root")
    assert "ImageExampleGen" in wrong.failed
    failed = RunInRoot(f"{s3}/root", "digits", wrong.run_id).outcome()
    assert (failed.status, failed.exit_code) == ("failed", 2)
    assert f"{s3}/nothing" in failed.error


def test_a_run_whose_store_stops_answering_while_it_reads_images_ends_in_one_line(seaweedfs, s3, digits, tmp_path):
    command = [sys.executable, "-m", "pipeline", "run", "--data", digits, "--output", str(tmp_path / "out")]
    with FaultyProxy(seaweedfs.port, limit=60_000, way="stall") as proxy:  # some 80 of 400 images
        done = subprocess.run(
            command,
            env={
                **os.environ,
                **seaweedfs.environment(proxy.endpoint),
                "FSSPEC_S3": json.dumps({"config_kwargs": {"read_timeout": 1}}),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "data-unreachable" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    summary = json.loads((tmp_path / "out/runs/latest/summary.json").read_text())
    assert (summary["status"], summary["failed_component"]) == ("failed", "ImageExampleGen")
    assert proxy.endpoint in summary["error"]
    assert versions(tmp_path / "out" / "serving") == []
