"""The executor on real artifacts: of the stock Pusher and of ours."""

import json
from pathlib import Path
from typing import ClassVar

import pytest
from pushed_models import write_model
from tfx.components import Pusher
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import pusher_pb2
from tfx.types import channel_utils, standard_artifacts
from tfx.types.channel import Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.utils import path_utils, proto_utils

from components.artifact_types import BaselineFound, GateVerdict, ModelCard
from components.baseline.report import BaselineReport
from components.pusher.component import ServingPusher
from components.pusher.executor import Executor
from components.run_outcome.artifacts import write_verdict
from components.run_outcome.verdict import GateResult
from components.serving_folder import serving_folder
from components.serving_folder.push import roll_back
from components.serving_folder.storage import CARD
from models.export.manifest import CARD_FILE


def model_artifact(folder: Path, text: str = "graph", manifest: bool = False) -> standard_artifacts.Model:
    model = standard_artifacts.Model()
    model.uri = str(folder)
    path = Path(path_utils.serving_model_dir(model.uri))
    if manifest:
        write_model(path, "A")
    path.mkdir(parents=True, exist_ok=True)
    (path / "saved_model.pb").write_text(text)
    return model


def blessing(value: int | None, kind: type = standard_artifacts.ModelBlessing):
    artifact = kind()
    if value is not None:
        artifact.set_int_custom_property("blessed", value)
    return [artifact]


@pytest.fixture
def serving(tmp_path):
    return tmp_path / "serving"


@pytest.fixture
def run(tmp_path, serving):
    """Runs the executor and returns the pushed_model artifact."""

    def run(name: str, inputs: dict[str, list], text: str = "graph", custom_config: str = "null", **options):
        pushed = standard_artifacts.PushedModel()
        pushed.uri = str(tmp_path / name / "pushed")
        Path(pushed.uri).mkdir(parents=True)
        properties = {"custom_config": custom_config, "run_id": options.pop("run_id", None)}
        destination = pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=str(options.pop("address", serving)))
        )
        Executor().Do(
            {"model": [model_artifact(tmp_path / name / "model", text, **options)], **inputs},
            {"pushed_model": [pushed]},
            {"push_destination": proto_utils.proto_to_json(destination), **properties},
        )
        return pushed

    return run


INFRA = standard_artifacts.InfraBlessing


@pytest.mark.parametrize(
    "inputs",
    [
        {"model_blessing": blessing(1)},
        {"model_blessing": blessing(1), "infra_blessing": blessing(1, INFRA)},
        {},
    ],
)
def test_a_blessed_model_is_pushed(run, serving, inputs):
    pushed = run("first", inputs)

    path = serving_folder.served(serving)
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_int_custom_property("already_serving") == 0
    assert pushed.get_string_custom_property("pushed_version") == path.name
    assert pushed.get_string_custom_property("pushed_destination") == str(path)
    assert (path / "saved_model.pb").read_text() == "graph"
    assert (Path(pushed.uri) / "saved_model.pb").read_text() == "graph"


@pytest.mark.parametrize(
    "inputs",
    [
        {"model_blessing": blessing(0)},
        {"model_blessing": blessing(None)},
        {"model_blessing": []},  # wired, never written
        {"model_blessing": blessing(1) + blessing(0)},
        {"model_blessing": blessing(1), "infra_blessing": blessing(0, INFRA)},
        {"model_blessing": blessing(1), "gate_1": []},
    ],
)
def test_one_refusal_is_enough(run, serving, inputs):
    pushed = run("refused", inputs)

    assert pushed.get_int_custom_property("pushed") == 0
    assert pushed.get_int_custom_property("already_serving") == 0
    assert serving_folder.versions(serving) == []
    assert list(Path(pushed.uri).iterdir()), "an empty artifact is lost on Kubeflow"


@pytest.mark.parametrize("blessed", [0, 1])
def test_the_identical_model_is_said_to_serve_already(run, serving, blessed):
    first = run("first", {"model_blessing": blessing(1)})
    again = run("again", {"model_blessing": blessing(blessed)})

    assert again.get_int_custom_property("pushed") == 0
    assert again.get_int_custom_property("already_serving") == 1
    for key in ("pushed_version", "pushed_destination"):
        assert again.get_string_custom_property(key) == first.get_string_custom_property(key)
    assert len(serving_folder.versions(serving)) == 1


@pytest.mark.parametrize("blessed", [0, 1])
def test_a_copy_that_only_says_that_it_is_what_serves_is_not_identical_where_a_gate_refuses_it(run, serving, blessed):
    """A truncated copy has the manifest of the whole one."""
    run("first", {"model_blessing": blessing(1)}, manifest=True)
    again = run("cut", {"model_blessing": blessing(blessed)}, text="gra", manifest=True)

    assert again.get_int_custom_property("pushed") == 0
    assert again.get_int_custom_property("already_serving") == blessed
    assert (serving_folder.served(serving) / "saved_model.pb").read_text() == "graph"


def test_another_model_that_a_gate_refuses_is_refused_whatever_serves(run, serving):
    run("first", {"model_blessing": blessing(1)})
    other = run("other", {"model_blessing": blessing(0)}, text="worse graph")

    assert other.get_int_custom_property("already_serving") == 0
    assert (serving_folder.served(serving) / "saved_model.pb").read_text() == "graph"


@pytest.mark.parametrize("refusing", [0, 1, 2])
def test_one_gate_that_refuses_is_enough_whichever_it_is(run, serving, tmp_path, refusing):
    inputs = {"model_blessing": blessing(1)}
    for number in range(3):
        verdict = GateVerdict()
        verdict.uri = str(tmp_path / f"verdict-{number}")
        write_verdict(verdict, [GateResult(name=f"gate {number}", passed=number != refusing, reason="r")])
        inputs[f"gate_{number + 1}"] = [verdict]
    pushed = run("refused", inputs)
    assert pushed.get_int_custom_property("pushed") == 0
    assert serving_folder.versions(serving) == []


def test_the_history_says_which_run_pushed_why_and_old_versions_go(run, serving, tmp_path):
    verdict = GateVerdict()
    verdict.uri = str(tmp_path / "verdict")
    write_verdict(verdict, [GateResult(name="floors", passed=True, reason="every floor is reached")])
    config = json.dumps({"config_digest": "c7", "keep": 1})
    run("first", {"model_blessing": blessing(1)})
    run("second", {"model_blessing": blessing(1), "gate_1": [verdict]}, "better", config, run_id="r7")

    known = serving_folder.history(serving)
    assert [event.action for event in known.events] == ["push", "push", "prune"]
    first, second, _ = known.events
    assert first.reason == "blessed by model_blessing"
    assert (second.reason, second.run_id, second.config_digest) == (*("every gate passed (floors)", "r7", "c7"),)
    assert len(known.complete) == 1


def test_an_object_store_is_pushed_to(run, store):
    pushed = run("first", {"model_blessing": blessing(1)}, address=store)
    again = run("again", {"model_blessing": blessing(1)}, address=store)

    (version,) = serving_folder.versions(store)
    assert pushed.get_string_custom_property("pushed_destination") == f"{store}/{version}"
    assert (Path(pushed.uri) / "saved_model.pb").read_text() == "graph"
    assert again.get_int_custom_property("already_serving") == 1


def test_two_models_in_one_second_are_both_pushed(run, serving):
    run("first", {"model_blessing": blessing(1)})
    second = run("second", {"model_blessing": blessing(1)}, text="better graph")

    assert second.get_int_custom_property("pushed") == 1
    assert (serving_folder.served(serving) / "saved_model.pb").read_text() == "better graph"


def test_the_components_take_what_they_need():
    model = channel_utils.as_channel([standard_artifacts.Model()])
    blessed = channel_utils.as_channel([standard_artifacts.ModelBlessing()])
    verdict = channel_utils.as_channel([GateVerdict()])
    stock = Pusher(
        model=model,
        model_blessing=blessed,
        push_destination=pusher_pb2.PushDestination(),
        custom_executor_spec=executor_spec.ExecutorClassSpec(Executor),
    )
    ours = ServingPusher(
        model=model, serving_dir="/serving", gate_1=verdict, model_blessing=blessed, keep=3, run_id="run-7"
    )

    assert stock.executor_spec.executor_class is Executor
    assert ours.executor_spec.executor_class is Executor
    assert set(ours.inputs) == {"model", "model_blessing", "gate_1"}
    assert set(ours.outputs) == {"pushed_model"}
    assert ours.exec_properties["run_id"] == "run-7"  # whole, for a cluster to fill in, and for the cache
    assert json.loads(ours.exec_properties["custom_config"]) == {"config_digest": "", "keep": 3}


class CandidateExecutor(base_executor.BaseExecutor):
    """Writes a model and blesses it."""

    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        path = Path(path_utils.serving_model_dir(output_dict["model"][0].uri))
        path.mkdir(parents=True)
        (path / "saved_model.pb").write_text(exec_properties["text"])
        output_dict["blessing"][0].set_int_custom_property("blessed", 1)


class CandidateSpec(ComponentSpec):
    INPUTS: ClassVar = {}
    OUTPUTS: ClassVar = {
        "model": ChannelParameter(type=standard_artifacts.Model),
        "blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
    }
    PARAMETERS: ClassVar = {"text": ExecutionParameter(type=str)}


class Candidate(base_component.BaseComponent):
    """Stands for the Trainer and the Evaluator."""

    SPEC_CLASS = CandidateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(CandidateExecutor)


def test_in_a_pipeline_the_same_candidate_is_pushed_again_once_another_serves(tmp_path, serving):
    def run(text: str, run_id: str) -> None:
        candidate = Candidate(
            CandidateSpec(
                text=text,
                model=Channel(type=standard_artifacts.Model),
                blessing=Channel(type=standard_artifacts.ModelBlessing),
            )
        )
        pusher = ServingPusher(
            model=candidate.outputs["model"],
            serving_dir=str(serving),
            model_blessing=candidate.outputs["blessing"],  # the other two are not wired
            run_id=run_id,
        )
        LocalDagRunner().run(
            Pipeline(
                pipeline_name="push",
                pipeline_root=str(tmp_path / "artifacts"),
                components=[candidate, pusher],
                enable_cache=True,
                metadata_connection_config=metadata.sqlite_metadata_connection_config(str(tmp_path / "m.sqlite")),
            )
        )

    for run_id, text in enumerate(["A", "B", "A", "A"]):
        run(text, str(run_id))
        assert (serving_folder.served(serving) / "saved_model.pb").read_text() == text

    assert len(serving_folder.versions(serving)) == 3


def found(folder: Path, version: int | None):
    """What the Baseline found."""
    artifact = BaselineFound()
    artifact.uri = str(folder)
    BaselineReport(status="none" if version is None else "served", version=version).write(artifact.uri)
    return [artifact]


def test_a_model_compared_with_what_no_longer_serves_is_not_pushed(run, serving, tmp_path):
    good = {"model_blessing": blessing(1)}
    unseen = run("meanwhile", good, "strong").get_string_custom_property("pushed_version")

    late = run("late", {**good, "baseline": found(tmp_path / "none", None)}, "weak")
    assert late.get_int_custom_property("pushed") == 0
    reason = late.get_string_custom_property("declined")
    assert reason.startswith(f"when this model was evaluated nothing served, now version {unseen} does: run again")
    assert serving_folder.versions(serving) == [int(unseen)]

    again = run("again", {**good, "baseline": found(tmp_path / "served", int(unseen))}, "better")
    assert again.get_int_custom_property("pushed") == 1
    after = run("after", {**good, "baseline": found(tmp_path / "served", int(unseen))}, "best")
    assert "now version" in after.get_string_custom_property("declined")


def test_a_model_that_was_rolled_back_is_not_pushed_again_until_somebody_brings_it_back(run, serving, tmp_path):
    good = {"model_blessing": blessing(1)}

    def decided(name: str, text: str):
        now = serving_folder.history(serving).serving
        return run(name, {**good, "baseline": found(tmp_path / f"found {name}", now)}, text)

    decided("first", "a")
    second = decided("second", "b")
    roll_back(serving, reason="twins are taken for one", by="ann")

    again = decided("again", "b")
    assert again.get_int_custom_property("pushed") == 0
    assert again.get_int_custom_property("already_serving") == 0
    reason = again.get_string_custom_property("declined")
    version = second.get_string_custom_property("pushed_version")
    assert f"then version {version}, was rolled back by ann" in reason
    assert "twins are taken for one" in reason
    assert len(serving_folder.versions(serving)) == 3

    roll_back(serving, to=int(version))
    decided("another", "c")
    assert decided("once more", "b").get_int_custom_property("pushed") == 1


def card_artifact(folder: Path, text: str) -> list[ModelCard]:
    artifact = ModelCard()
    artifact.uri = str(folder)
    folder.mkdir(parents=True)
    (folder / CARD_FILE).write_text(text)
    return [artifact]


def test_the_card_comes_with_the_model_and_is_no_part_of_it(run, serving, tmp_path, store):
    blessed = {"model_blessing": blessing(1)}
    for number, address in enumerate((serving, store)):
        run(f"first {number}", {**blessed, "card": card_artifact(tmp_path / f"c{number}", "one")}, address=address)
        (version,) = serving_folder.versions(address)
        storage = serving_folder.open_storage(address)
        with storage.files(version).open(CARD) as file:
            assert file.read() == b"one"
        arrival = serving_folder.history(address).added(version)
        assert {"saved_model.pb", CARD} <= arrival.files.keys()

        # Blessed or not, the same model is the same, whatever is on its new card.
        for value in (1, 0):
            inputs = {"model_blessing": blessing(value), "card": card_artifact(tmp_path / f"d{number}{value}", "two")}
            again = run(f"again {number} {value}", inputs, address=address)
            assert again.get_int_custom_property("already_serving") == 1
        with storage.files(version).open(CARD) as file:
            assert file.read() == b"one"
