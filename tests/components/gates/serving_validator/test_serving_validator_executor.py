"""The executor on real artifacts, in its own process; the node as the graph has it."""

import json
import shutil
from pathlib import Path

import pytest
from tfx.types import channel_utils, standard_artifacts
from tfx.utils import path_utils

from components.artifact_types import GateVerdict, PairScores
from components.gates.serving_validator import executor
from components.gates.serving_validator.component import ServingValidator, serving_validator
from components.gates.serving_validator.executor import Executor
from components.gates.serving_validator.process import Killed, KilledEarly, run_smoke_test
from components.gates.serving_validator.settings import ServingValidatorSettings
from components.run_outcome.artifacts import read_verdict
from models.code_digest import code_digest


@pytest.fixture
def model(exported, tmp_path):
    artifact = standard_artifacts.Model()
    artifact.uri = str(tmp_path / "trained")
    shutil.copytree(exported.path, path_utils.serving_model_dir(artifact.uri))
    return artifact


@pytest.fixture
def run(model, pairs, scores, tmp_path):
    """Runs the executor; returns the blessing and the one verdict."""

    def run():
        table, blessing, verdict = PairScores(), standard_artifacts.InfraBlessing(), GateVerdict()
        table.uri = scores
        blessing.uri, verdict.uri = str(tmp_path / "blessing"), str(tmp_path / "verdict")
        Executor().Do(
            {"model": [model], "examples": [pairs], "scores": [table]},
            {"blessing": [blessing], "verdict": [verdict]},
            {"settings": ServingValidatorSettings(canaries=5).model_dump_json(), "code_digest": "code"},
        )
        (gate,) = read_verdict(verdict.uri)
        return blessing, gate

    return run


def files(artifact):
    return [path.name for path in Path(artifact.uri).iterdir()]


def test_the_whole_model_is_blessed(run):
    blessing, gate = run()
    assert (gate.name, gate.passed) == ("serving", True)
    assert gate.reason == "loaded in a fresh process; 5 test pairs score as they did, by every signature"
    assert blessing.get_int_custom_property("blessed") == 1
    assert files(blessing) == ["INFRA_BLESSED"]


@pytest.mark.parametrize("killing", [Killed, KilledEarly])
def test_a_process_that_is_killed_by_chance_is_no_refusal(run, monkeypatch, killing):
    tried = []

    def killed_once(*arguments):
        tried.append(arguments)
        if len(tried) == 1:
            raise killing("the process that tried it was killed by SIGKILL")
        return run_smoke_test(*arguments)

    monkeypatch.setattr(executor, "run_smoke_test", killed_once)
    assert run()[1].passed
    assert len(tried) == 2


def test_a_model_at_which_every_process_is_killed_is_refused(run, monkeypatch):
    def killed(*_):
        raise Killed("the process that tried it was killed by SIGKILL")

    monkeypatch.setattr(executor, "run_smoke_test", killed)
    gate = run()[1]
    assert (gate.passed, gate.reason) == (False, "the process that tried it was killed by SIGKILL")


def test_a_model_without_its_weights_is_refused_not_an_error(run, model):
    weights = Path(path_utils.serving_model_dir(model.uri)) / "variables" / "variables.data-00000-of-00001"
    weights.write_bytes(weights.read_bytes()[:100])
    blessing, gate = run()
    assert (gate.name, gate.passed) == ("serving", False)
    assert gate.reason == "TensorFlow cannot load it: Read less bytes than requested"
    assert blessing.get_int_custom_property("blessed") == 0
    assert files(blessing) == ["INFRA_NOT_BLESSED"]
    assert weights.stat().st_size == 100


def test_the_node_takes_and_gives_what_the_graph_wires():
    channels = [
        channel_utils.as_channel([kind()])
        for kind in (standard_artifacts.Model, standard_artifacts.Examples, PairScores)
    ]
    node = serving_validator(ServingValidatorSettings(canaries=7, image="not-used"), *channels)
    assert isinstance(node, ServingValidator) and node.id == "ServingValidator"
    assert set(node.outputs) == {"blessing", "verdict"}
    settings = json.loads(node.exec_properties["settings"])
    assert (settings["canaries"], settings["image"]) == (
        7,
        ServingValidatorSettings().image,
    )  # an image that is not used is not in the cache key
    assert node.exec_properties["code_digest"] == code_digest(ServingValidator)
