import json

import pytest

from components.run_outcome.summary import FILE, Metric, RunSummary, read_summaries
from components.run_outcome.verdict import GateResult
from models.export.manifest import CalibrationReport


def summary(run_id: str = "r1", **changes) -> RunSummary:
    fields = {
        "run_id": run_id,
        "status": "refused",
        "exit_code": 3,
        "gates": [GateResult(name="floors", passed=False, reason="accuracy 0.7 is below the floor 0.8")],
        "metrics": {"accuracy": Metric(value=0.7), "auc": Metric(value=0.8, low=0.75, high=0.85)},
        "slices": {"kind: genuine": {"accuracy": 0.6}},
        "threshold": 0.4,
        "calibration": CalibrationReport(objective="target_far", value=0.1, validation={"far": 0.09}),
        "tuned": {"margin": 0.9, "embedding": 32},
        "counts": {"images": {"images": 3}},
        "timings": {"Trainer": 1.5},
        "seed": 7,
        "config_digest": "abc",
    }
    return RunSummary(**{**fields, **changes})


@pytest.fixture
def output(tmp_path):
    def write(*summaries: RunSummary):
        for one in summaries:
            (tmp_path / "runs" / one.run_id).mkdir(parents=True)
            one.write(tmp_path / "runs" / one.run_id)
        return tmp_path

    return write


def test_what_is_written_is_read(output):
    given = summary()
    assert read_summaries(output(given)) == [given]


def test_the_file_holds_the_fields_of_the_contract(output):
    content = json.loads((output(summary()) / "runs" / "r1" / FILE).read_text())
    promised = "run_id status gates metrics baseline_metrics threshold pushed_version counts timings config_digest"
    assert content.keys() >= {*promised.split(), "versions"}
    assert content["gates"][0].keys() == {"name", "passed", "reason"}
    assert content["metrics"]["auc"] == {"value": 0.8, "low": 0.75, "high": 0.85}
    assert content["calibration"] == {
        "objective": "target_far",
        "value": 0.1,
        "prior": None,
        "validation": {"far": 0.09},
    }
    assert content["pushed_version"] is None
    assert content["tuned"] == {"margin": 0.9, "embedding": 32}


def test_writing_leaves_the_summary_alone_in_the_folder(output):
    folder = output(summary()) / "runs" / "r1"
    summary(status="failed", exit_code=1).write(folder)
    assert [path.name for path in folder.iterdir()] == [FILE]
    assert json.loads((folder / FILE).read_text())["status"] == "failed"


def test_runs_are_read_oldest_first_and_each_once(output):
    folder = output(summary("20260102T000000Z"), summary("20260101T000000Z"))
    (folder / "runs" / "latest").symlink_to("20260102T000000Z")
    (folder / "runs" / "20260103T000000Z").mkdir()  # killed: it has none
    assert [one.run_id for one in read_summaries(folder)] == ["20260101T000000Z", "20260102T000000Z"]


def test_what_later_versions_add_is_kept(output):
    folder = output(summary())
    path = folder / "runs" / "r1" / FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), "energy": 3}))
    (read,) = read_summaries(folder)
    assert json.loads(read.model_dump_json())["energy"] == 3


def test_a_status_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="status"):
        summary(status="fine")


def test_a_summary_that_cannot_be_read_hides_no_other(tmp_path):
    good = tmp_path / "runs" / "20260102T000000Z"
    good.mkdir(parents=True)
    RunSummary(run_id=good.name, status="pushed", exit_code=0, seed=0, config_digest="c").write(good)
    for name, text in (("20260101T000000Z", '{"run_id": 1'), ("20260103T000000Z", '{"slices": {"a": {"b": null}}}')):
        bad = tmp_path / "runs" / name
        bad.mkdir()
        (bad / FILE).write_text(text)

    first, second, third = read_summaries(tmp_path)
    assert (second.run_id, second.status, second.error) == (good.name, "pushed", None)
    for one in (first, third):
        assert one.status == "failed"
        assert "not readable as a summary" in one.error
