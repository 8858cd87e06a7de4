"""The executor on real artifacts: a table of scored pairs, and SavedModels for what they cost."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scored_pairs import against, made, with_scores, worse, write_table
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from components.artifact_types import INTERVALS_FILE, BaselineFound, GateVerdict, MeasuredPairs, PairScores
from components.baseline.report import BaselineReport
from components.gates.model_gate.executor import Executor, bytes_of, latencies
from components.gates.model_gate.settings import GateSettings, MeasureSettings
from components.image_example_gen.settings import SplitSettings
from components.run_outcome.artifacts import read_verdict

PAIRS = made(identities=30, pairs=10)
SPLIT = {**SplitSettings().model_dump(), "seed": 0}


def model_at(folder, saved_model):
    artifact = standard_artifacts.Model()
    artifact.uri = str(folder)
    folder.mkdir()
    Path(path_utils.serving_model_dir(artifact.uri)).symlink_to(saved_model)
    return artifact


@pytest.fixture
def run(tmp_path, exported):
    """Runs the executor and returns (blessing, verdict, measures)."""

    def run(pairs, found=None, served=None, **gates):
        scores, inputs = PairScores(), {}
        scores.uri = str(tmp_path / "scores")
        write_table(tmp_path / "scores", pairs)
        inputs["scores"], inputs["model"] = [scores], [model_at(tmp_path / "model", exported.path)]
        if served:
            inputs["baseline_model"] = [model_at(tmp_path / "served", served)]
        if found:
            artifact = BaselineFound()
            artifact.uri = str(tmp_path / "found")
            found.write(artifact.uri)
            inputs["baseline"] = [artifact]
        made = {"blessing": standard_artifacts.ModelBlessing(), "verdict": GateVerdict(), "measures": MeasuredPairs()}
        for name, artifact in made.items():
            artifact.uri = str(tmp_path / name)
        properties = {
            "gates": GateSettings(resamples=200, **gates).model_dump_json(),
            "measures_settings": MeasureSettings().model_dump_json(),
            "split": json.dumps(SPLIT),
            "seed": 0,
        }
        Executor().Do(inputs, {name: [artifact] for name, artifact in made.items()}, properties)
        return made.values()

    return run


def reasons(verdict):
    return {gate.name: (gate.passed, gate.reason) for gate in read_verdict(verdict.uri)}


def test_a_good_model_is_blessed_and_all_is_written_down(run):
    ignored = BaselineReport(status="ignored", version=7)
    blessing, verdict, measures = run(PAIRS, found=ignored)
    assert blessing.get_int_custom_property("blessed") == 1
    assert [file.name for file in Path(blessing.uri).iterdir()] == ["BLESSED"]
    assert verdict.get_int_custom_property("passed") == 1
    assert verdict.get_string_custom_property("reason") == ""
    assert reasons(verdict)["baseline"] == (True, ignored.absence)
    intervals = json.loads((Path(measures.uri) / INTERVALS_FILE).read_text())
    assert intervals["units"] == 30 and intervals["drawn"] == "identities" and intervals["baseline"] == {}
    accuracy = intervals["candidate"]["accuracy"]
    assert accuracy["low"] < accuracy["value"] < accuracy["high"]


def test_a_worse_model_is_not_blessed_and_the_store_says_why(run):
    served = BaselineReport(status="served", version=3, split={**SPLIT, "seed": 1})
    blessing, verdict, measures = run(with_scores(against(PAIRS, PAIRS.distance), worse(PAIRS, 0.3)), found=served)
    assert blessing.get_int_custom_property("blessed") == 0
    assert [file.name for file in Path(blessing.uri).iterdir()] == ["NOT_BLESSED"]
    assert verdict.get_int_custom_property("passed") == 0
    assert "baseline accuracy: accuracy 0." in verdict.get_string_custom_property("reason")
    reported = reasons(verdict)
    assert not reported["baseline accuracy"][0]
    assert reported["overlap"][0] and "which favours it" in reported["overlap"][1]
    assert json.loads((Path(measures.uri) / INTERVALS_FILE).read_text())["gain"]["accuracy"]["high"] < 0


def test_what_cannot_be_measured_leaves_an_empty_file_and_no_blessing(run):
    nothing = np.full(len(PAIRS.same), np.nan)
    blessing, verdict, measures = run(with_scores(PAIRS, nothing, nothing))
    assert blessing.get_int_custom_property("blessed") == 0
    assert set(reasons(verdict)) == {"pairs", "finite"}
    assert json.loads((Path(measures.uri) / INTERVALS_FILE).read_text()) == {}


def test_a_table_without_pairs_is_refused(run):
    blessing, verdict, _ = run(PAIRS.take(np.zeros(len(PAIRS.same), bool)))
    assert blessing.get_int_custom_property("blessed") == 0
    assert reasons(verdict)["pairs"][1].startswith("0 test pairs")


@pytest.mark.parametrize(("most", "passed"), [(1e6, True), (1e-6, False)])
def test_size_and_latency_are_compared_with_the_served_model(run, exported, most, passed):
    same = against(PAIRS, PAIRS.distance)
    blessing, verdict, _ = run(same, served=exported.path, max_size=most, max_latency=most)
    reported = reasons(verdict)
    assert [reported[name][0] for name in ("size", "latency")] == [passed, passed]
    assert "MB against" in reported["size"][1] and "1.00 times" in reported["size"][1]
    assert " ms against" in reported["latency"][1]
    assert blessing.get_int_custom_property("blessed") == int(passed)


def test_costs_are_off_by_default_and_take_any_model_that_answers_pairs(run, exported, tmp_path):
    import tensorflow as tf

    class Foreign(tf.Module):
        """Without a manifest, and without the signature ``compare``."""

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def serving_default(self, examples):
            return {"score": tf.ones_like(tf.strings.length(examples), tf.float32)}

    foreign = Foreign()
    tf.saved_model.save(foreign, str(tmp_path / "foreign"), signatures={"serving_default": foreign.serving_default})
    _, verdict, _ = run(against(PAIRS, PAIRS.distance), served=tmp_path / "foreign", max_latency=1e6)
    assert reasons(verdict)["latency"][0] and "size" not in reasons(verdict)


def test_scores_of_groups_reach_the_slices(run):
    grouped = replace(PAIRS, slices=PAIRS.slices | {"group": np.where(np.arange(len(PAIRS.same)) % 2, "x", "y")})
    _, verdict, _ = run(grouped)
    assert reasons(verdict)["slices by group"][1].startswith("2 of 2 slices evaluated")


def test_all_files_of_a_model_count(tmp_path):
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"x" * 100)
    (tmp_path / "variables" / "variables.data").write_bytes(b"x" * 23)
    assert bytes_of(tmp_path) == 123


def test_calls_are_timed_in_turns_after_a_warm_up():
    asked = []
    found = latencies({"a": lambda: asked.append("a"), "b": lambda: asked.append("b")})
    assert set(found) == {"a", "b"} and min(found.values()) > 0
    assert asked[:4] == ["a", "b", "a", "b"]
    assert asked.count("a") == asked.count("b") == 70
