"""The lineage of a model, read from real metadata stores of one or two runs."""

import json

import pytest
from metadata_records import MetadataRecords
from ml_metadata.proto import metadata_store_pb2 as mlmd
from rich.console import Console

from components.baseline.report import BaselineReport
from components.run_outcome.summary import RunSummary
from models.errors import UserError
from models.export.manifest import ModelManifest
from models.settings import ImageSettings
from pipeline.runs.listing import show_lineage
from pipeline.runs.metadata import read_lineage


@pytest.fixture
def store(tmp_path):
    """Run r1 ingested and trained; r2 found the same images and trained again, beside version 7."""
    made = MetadataRecords(tmp_path)
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "counts.json").write_text(json.dumps({"images": 280, "identities": 28, "quarantined": 1}))
    (tmp_path / "pairs").mkdir()
    (tmp_path / "pairs" / "counts.json").write_text(json.dumps({"splits": {"train": {"pairs": 900}}}))
    BaselineReport(status="served", version=7, model_digest="d" * 64).write(str(tmp_path / "found"))
    ModelManifest(
        model_digest="c0ffee" + "0" * 58,
        image=ImageSettings(height=8, width=8),
        distance="euclidean",
        threshold=1.0,
        slope=4.0,
        embedding=8,
        split={},
        config_digest="beef" + "0" * 60,
        tuned={"margin": 0.9},
        versions={"tfx": "1.16.0", "keras": "3.12.0"},
    ).write(tmp_path / "model2" / "Format-Serving")
    parameters = {"data_root": "/data/faces", "data_digest": "f00d" + "0" * 60, "code_digest": "a" * 64}
    made.ran("r1", "ImageExampleGen", {"examples": "images", "report": "report"}, **parameters)
    made.ran("r1", "PairGenerator", {"pairs": "pairs1", "report": "pairs"}, code_digest="b" * 64)
    made.ran("r1", "Trainer", {"model": "model1"}, custom_config=json.dumps({"code_digest": "e" * 64}))
    cached = mlmd.Execution.CACHED
    made.ran("r2", "ImageExampleGen", {"examples": 1, "report": 2}, cached, **parameters)
    made.ran("r2", "Baseline", {"found": "found"})
    made.ran("r2", "PairGenerator", {"pairs": "pairs2", "report": "pairs"}, code_digest="9" * 64)
    made.ran("r2", "Trainer", {"model": "model2"}, custom_config=json.dumps({"code_digest": "8" * 64}))
    made.ran("r2", "Pusher", {"pushed_model": "pushed"}, mlmd.Execution.FAILED)
    return made


def test_reused_results_have_the_run_that_made_them(store):
    lineage = read_lineage(store.path, "r2")

    assert [(step.node, step.run_id) for step in lineage.steps] == [
        *(("ImageExampleGen", "r1"), ("PairGenerator", "r2"), ("Trainer", "r2"))
    ]
    assert lineage.step("ImageExampleGen").parameters["data_root"] == "/data/faces"
    assert lineage.step("Trainer").uri == str(store.folder / "model2")
    assert lineage.step("Trainer").parameters["custom_config"] == {"code_digest": "8" * 64}
    assert (lineage.images["images"], lineage.pairs) == (280, {"train": 900})
    assert (lineage.baseline.version, lineage.model.tuned) == (7, {"margin": 0.9})


def test_an_earlier_run_keeps_its_lineage_though_its_model_is_deleted(store):
    lineage = read_lineage(store.path, "r1")
    assert {step.run_id for step in lineage.steps} == {"r1"}
    assert (lineage.model, lineage.baseline) == (None, None)


def test_the_lineage_is_printed_a_line_each(store):
    console = Console(record=True, width=200, highlight=False)
    show_lineage(console, read_lineage(store.path, "r2"), None, 9)
    lines = [" ".join(line.split()) for line in console.export_text().splitlines()]

    assert lines[0] == "version 9 serves the model of run r2"
    assert lines[1] == "images /data/faces: 280 of 28 identities, fingerprint f00d00000000"
    assert lines[2].endswith("reused from run r1")
    assert "configuration beef00000000 shapes the model" in lines
    assert "tuned: margin 0.9" in lines
    assert "libraries keras 3.12.0, tfx 1.16.0" in lines
    assert f"model c0ffee000000, {store.folder}/model2" in lines
    assert f"code ImageExampleGen {'a' * 12}, PairGenerator {'9' * 12}, Trainer {'8' * 12}" in lines
    assert f"baseline version 7, {'d' * 12}" in lines


def test_the_lineage_of_a_run_that_does_not_serve_has_its_status(store):
    console = Console(record=True, width=200, highlight=False)
    summary = RunSummary(run_id="r1", status="refused", exit_code=3, seed=5, config_digest="")
    show_lineage(console, read_lineage(store.path, "r1"), summary, None)
    assert console.export_text().splitlines()[0] == "run r1: refused"


def test_a_missing_run_or_store_is_a_user_error(store, tmp_path):
    for path, run, code in (
        (store.path, "r3", "config-unknown-run"),
        (tmp_path / "nowhere" / "metadata.sqlite", "r1", "config-no-runs"),
    ):
        with pytest.raises(UserError) as error:
            read_lineage(path, run)
        assert error.value.code == code
    assert not (tmp_path / "nowhere").exists()
