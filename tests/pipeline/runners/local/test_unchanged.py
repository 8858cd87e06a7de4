"""Runs on unchanged inputs, which are answered from the records of an earlier run."""

import shutil
from pathlib import Path
from unittest import mock

import pytest
from metadata_records import MetadataRecords
from ml_metadata.proto import metadata_store_pb2 as mlmd
from PIL import Image

from components.run_outcome.summary import RunSummary
from components.run_outcome.verdict import GateResult
from components.storage.artifact_checksums import write_checksums
from models.errors import UserError
from pipeline.config import load_config
from pipeline.environment.output_folder import METADATA
from pipeline.runners.local import unchanged
from pipeline.runners.local.unchanged import Inputs, repeat
from pipeline.runs.metadata import nodes_of

TWO_HOSTS = '{"cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}, "task": {"type": "worker", "index": 0}}'
FLOORS = GateResult(name="floors", passed=True, reason="every floor is reached")
ALONE = GateResult(name="baseline", passed=True, reason="nothing serves yet to compare with")


@pytest.fixture
def served(monkeypatch):
    """What serves, as ``served_key`` would have it."""
    state = ["none"]
    monkeypatch.setattr(unchanged, "served_key", lambda _: state[0])
    return state


@pytest.fixture
def output(tmp_path):
    (tmp_path / "out" / "runs").mkdir(parents=True)
    return tmp_path / "out"


def inputs(output: Path, *overrides: str, root: str = "/images", digest: str = "d1") -> Inputs:
    return Inputs(load_config(overrides=list(overrides)), output, root, digest)


def ended(output: Path, run_id: str, status: str, of: Inputs, **fields) -> RunSummary:
    """A run that has ended so, and its summary in the output folder."""
    summary = RunSummary(run_id=run_id, status=status, exit_code=0, seed=0, config_digest="c", **fields)
    summary.settled = of.settled(summary)
    (output / "runs" / run_id).mkdir(parents=True)
    summary.write(output / "runs" / run_id)
    return summary


def found(of: Inputs) -> str | None:
    earlier = of.earlier()
    return earlier.run_id if earlier else None


def test_the_same_inputs_as_of_a_refused_run_find_it(output, served):
    ended(output, "r1", "refused", inputs(output))
    ended(output, "r2", "refused", inputs(output, "seed=7"))
    assert found(inputs(output)) == "r1"
    assert found(inputs(output, "seed=7")) == "r2"


def test_after_a_push_the_model_that_it_pushed_serves(output, served):
    begun = inputs(output)
    served[0] = "5:abc:files"
    ended(output, "r1", "pushed", begun, pushed_version=5)
    assert found(inputs(output)) == "r1"
    for other in ("none", "4:abc:files", "5:abc:damaged"):  # removed, rolled back, damaged
        served[0] = other
        assert found(inputs(output)) is None


def test_a_run_that_found_its_model_in_serving_is_found_in_turn(output, served):
    served[0] = "5:abc:files"
    ended(output, "r1", "pushed", inputs(output), pushed_version=5, already_serving=True)
    assert found(inputs(output)) == "r1"


@pytest.mark.parametrize("what", ["configuration", "images", "place of images", "code", "libraries", "hosts"])
def test_anything_else_than_before_is_run(output, served, monkeypatch, what):
    ended(output, "r1", "refused", inputs(output))
    changed = {
        "configuration": lambda: inputs(output, "gates.floors={accuracy: 0.8}"),
        "images": lambda: inputs(output, digest="d2"),
        "place of images": lambda: inputs(output, root="/others"),
    }
    if what == "code":
        monkeypatch.setattr(unchanged, "project_digest", lambda: "other code")
    if what == "hosts":
        monkeypatch.setenv("TF_CONFIG", TWO_HOSTS)
    if what == "libraries":
        monkeypatch.setattr(unchanged, "versions", lambda: {"tfx": "2.0"})
    assert found(changed.get(what, lambda: inputs(output))()) is None


def test_the_content_of_a_reviewed_schema_counts(output, served, tmp_path):
    schema = tmp_path / "schema.pbtxt"
    schema.write_text("a")
    ended(output, "r1", "refused", inputs(output, f"data.schema_file={schema}"))
    assert found(inputs(output, f"data.schema_file={schema}")) == "r1"
    schema.write_text("b")
    assert found(inputs(output, f"data.schema_file={schema}")) is None


@pytest.mark.parametrize("status", ["failed", "interrupted", "skipped", "running"])
def test_a_run_without_a_verdict_of_its_gates_is_run_again(output, served, status):
    assert ended(output, "r1", status, inputs(output)).settled is None
    assert found(inputs(output)) is None


def test_a_push_with_an_error_after_it_is_run_again(output, served):
    begun = inputs(output)
    served[0] = "5:abc:files"
    assert ended(output, "r1", "pushed", begun, pushed_version=5, error="no report").settled is None


def test_another_push_during_the_run_settles_nothing(output, served):
    for run_id, status, serves in (("r1", "pushed", "6:def:files"), ("r2", "refused", "7:xyz:files")):
        begun = inputs(output)
        served[0] = serves
        assert ended(output, run_id, status, begun, pushed_version=5).settled is None


@pytest.mark.parametrize("setting", ["pairs.mined=0.2", "data.min_new_images=3"])
def test_where_what_serves_has_a_part_in_the_run_only_the_same_one_settles_it(output, served, setting):
    begun = inputs(output, setting)
    served[0] = "5:abc:files"
    assert ended(output, "r1", "pushed", begun, pushed_version=5).settled is None
    ended(output, "r2", "pushed", inputs(output, setting), pushed_version=5, already_serving=True)
    assert found(inputs(output, setting)) == "r2"


class Recorded:
    """Run r1 pushed version 5 by two nodes; their artifacts are there."""

    def __init__(self, output: Path) -> None:
        self.output, self.store = output, MetadataRecords(output)
        for node, key, number in (("Trainer", "model", 1), ("Pusher", "pushed_model", 2)):
            self.artifact(node, key, number)
            self.store.ran("r1", node, {key: f"artifacts/{node}/{key}/{number}"})
        self.earlier = RunSummary(
            run_id="r1",
            status="pushed",
            pushed_version=5,
            exit_code=0,
            seed=3,
            config_digest="c",
            gates=[FLOORS, ALONE],
            baseline={"status": "none"},
            gains={"auc": {"value": 0.1}},
            threshold=0.7,
            timings={"Trainer": 4.0},
            seconds=9,
            alert="not sent",
        )
        self.new = RunSummary.begun("r2", {"name": "faces", "seed": 3}, "c")
        for run in ("r1", "r2"):
            (output / "runs" / run).mkdir(parents=True)

    def artifact(self, node: str, key: str, number: int) -> None:
        folder = self.output / "artifacts" / node / key / str(number)
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"content")
        write_checksums(folder)

    def repeated(self) -> bool:
        return repeat(self.output, self.earlier, self.new)

    def nodes(self, run: str = "r2"):
        return nodes_of(self.output / METADATA, run)


@pytest.fixture
def recorded(tmp_path):
    return Recorded(tmp_path)


def test_a_repeated_run_has_the_verdict_and_every_node_reused(recorded):
    assert recorded.repeated()
    new = recorded.new
    assert (new.run_id, new.status, new.exit_code, new.pushed_version) == ("r2", "pushed", 0, 5)
    assert (new.already_serving, new.same_as, new.cached) == (True, "r1", ["Trainer", "Pusher"])
    assert (new.threshold, new.seconds, new.alert) == (0.7, 0, None)
    assert new.timings == {"Trainer": 0.0, "Pusher": 0.0}
    assert new.gates[0] == FLOORS
    assert (new.gates[1].passed, "version 5" in new.gates[1].reason) == (True, True)
    assert (new.baseline["status"], new.baseline["version"], new.baseline_metrics, new.gains) == ("served", 5, {}, {})
    assert new.config == {"name": "faces", "seed": 3}
    before, after = recorded.nodes("r1"), recorded.nodes("r2")
    assert list(after) == list(before)
    assert all(node.cached for node in after.values())
    for name, node in after.items():
        (key,) = node.outputs
        assert node.artifact(key).id == before[name].artifact(key).id


def test_a_repeated_run_can_be_repeated(recorded):
    assert recorded.repeated()
    recorded.earlier, recorded.new = recorded.new, RunSummary.begun("r3", {"seed": 3}, "c")
    (recorded.output / "runs" / "r3").mkdir()
    assert recorded.repeated()
    assert recorded.new.same_as == "r1"
    assert recorded.new.baseline["version"] == 5
    assert list(recorded.nodes("r3")) == ["Trainer", "Pusher"]


def test_a_refused_run_is_refused_again(recorded):
    recorded.earlier.status, recorded.earlier.pushed_version = "refused", None
    recorded.earlier.gates = [GateResult(name="floors", passed=False, reason="accuracy 0.5 below 0.9")]
    assert recorded.repeated()
    assert (recorded.new.status, recorded.new.exit_code, recorded.new.already_serving) == ("refused", 3, False)


@pytest.mark.parametrize("fault", ["damaged", "removed", "without checksums", "unfinished", "unknown"])
def test_what_is_not_whole_is_not_repeated(recorded, fault):
    artifacts = recorded.output / "artifacts"
    if fault == "damaged":
        (artifacts / "Trainer" / "model" / "1" / "file").write_bytes(b"cOntent")
    elif fault == "removed":
        shutil.rmtree(artifacts / "Pusher" / "pushed_model" / "2")
    elif fault == "without checksums":
        shutil.rmtree(artifacts / "Pusher" / ".checksums")
    elif fault == "unfinished":
        recorded.store.ran("r1", "RunReport", {}, mlmd.Execution.FAILED)
    else:
        recorded.earlier.run_id = "r0"
    before = recorded.new.model_copy(deep=True)
    assert not recorded.repeated()
    assert recorded.nodes() == {}
    assert recorded.new == before


def test_a_store_that_fails_in_between_has_no_part_of_the_run(recorded):
    with (
        mock.patch("ml_metadata.metadata_store.MetadataStore.put_contexts", side_effect=OSError("full")),
        pytest.raises(OSError, match="full"),
    ):
        recorded.repeated()
    assert recorded.nodes() == {}


def test_files_that_cannot_be_copied_do_not_matter(recorded):
    (recorded.output / "runs" / "r1" / "model_card.md").mkdir()
    assert recorded.repeated()


def test_a_damaged_store_is_named(recorded):
    (recorded.output / METADATA).write_bytes(b"SQLite format 3\0" + b"x" * 100)
    with pytest.raises(UserError, match="the metadata store is damaged"):
        recorded.repeated()


def test_the_files_of_the_run_are_its_own(recorded):
    output = recorded.output
    (output / "runs" / "r1" / "model_card.md").write_text("card")
    Image.new("L", (1, 1)).save(output / "runs" / "r1" / "augmented.png")
    (output / "quarantine").mkdir()
    (output / "quarantine" / "r1.csv").write_text("listing")
    assert recorded.repeated()
    assert (output / "runs" / "r2" / "model_card.md").read_text() == "card"
    assert (output / "runs" / "r2" / "augmented.png").is_file()
    assert (output / "quarantine" / "r2.csv").read_text() == "listing"
    assert not (output / "quarantine" / "r2.near_duplicates.csv").exists()
