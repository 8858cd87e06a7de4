"""The Baseline's output for every state of a serving folder, and its errors for incompatible models."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts
from tfx.utils import path_utils
from tiny_model import GREY

from components.artifact_types import BaselineFound
from components.baseline.executor import PLACEHOLDER, Executor, incompatibility
from components.baseline.report import BaselineReport
from components.serving_folder import serving_folder
from components.serving_folder.push import push
from models.errors import UserError
from models.settings import ImageSettings


@pytest.fixture
def look(tmp_path):
    """Runs the executor and returns (models, the model's folder, the report, its artifact)."""
    serving, runs = tmp_path / "serving", iter(range(100))

    def look(ignore=-1):
        model, found, number = standard_artifacts.Model(), BaselineFound(), next(runs)
        model.uri, found.uri = str(tmp_path / f"model{number}"), str(tmp_path / f"found{number}")
        output = {"model": [model], "found": [found]}
        properties = {"serving_dir": str(serving), "ignore_version": ignore, "image": GREY.model_dump_json()}
        Executor().Do({}, output, properties)
        return output["model"], Path(model.uri), BaselineReport.read(found.uri), found

    look.serving = serving
    return look


def test_nothing_serves_yet(look):
    models, folder, report, found = look()
    assert models == []
    assert (folder / PLACEHOLDER).read_text() == "nothing serves yet to compare with\n"
    assert (report.status, report.version, report.split) == ("none", None, {})
    assert found.get_string_custom_property("status") == "none"
    assert found.get_int_custom_property("version") == 0


def test_what_serves_is_copied_and_described(look, exported):
    version = push(exported.path, look.serving).version
    [model], _, report, found = look()
    copy = path_utils.serving_model_path(model.uri)
    assert report.model_dump() == {
        "status": "served",
        "version": version,
        "model_digest": serving_folder.digest(exported.path),
        "split": {"by": "image", "seed": 0},
        "image": json.loads((exported.path / "assets.extra" / "siamese.json").read_text())["image"],
    }
    assert report.image["height"] > 0
    assert model.get_int_custom_property("version") == found.get_int_custom_property("version") == version
    assert model.get_string_custom_property("model_digest") == report.model_digest
    assert incompatibility(copy, GREY) is None


def test_a_version_that_the_user_ignores_is_recorded_and_a_later_one_compared_with(look, exported, tmp_path):
    first = push(exported.path, look.serving).version
    models, folder, report, found = look(ignore=first)
    assert models == [] and (folder / PLACEHOLDER).exists()
    assert (report.status, report.version) == ("ignored", first)
    assert found.get_string_custom_property("status") == "ignored"
    assert found.get_int_custom_property("version") == first
    assert report.absence == f"version {first} serves and is not compared with (gates.ignore_baseline)"

    other = tmp_path / "other"
    shutil.copytree(exported.path, other)
    manifest = other / "assets.extra" / "siamese.json"
    manifest.write_text(re.sub('"model_digest": "....', '"model_digest": "0000', manifest.read_text()))
    second = push(other, look.serving).version
    [_], _, report, _ = look(ignore=first)
    assert (report.status, report.version) == ("served", second)


def test_the_served_model_may_take_another_size(exported):
    assert incompatibility(str(exported.path), ImageSettings(height=20, width=31, channels=1)) is None


def version_of(serving, model):
    """Puts a model there by hand, as one that another tool pushed."""
    shutil.copytree(model, serving / "7")
    return serving / "7"


def cut(path, share=0.5):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def refused(look):
    with pytest.raises(UserError) as caught:
        look()
    assert caught.value.code == "model-not-comparable"
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"{look.serving}: version 7, which serves, cannot be compared with: ")
    assert "siamese rollback" in line and "--set gates.ignore_baseline=7" in line
    assert look(ignore=7)[2].status == "ignored", "the remedy in the message"
    return line


def test_truncated_variables(look, exported):
    cut(next(version_of(look.serving, exported.path).glob("variables/variables.data*")))
    assert "it cannot be loaded" in refused(look)


@pytest.mark.parametrize("share", [0.5, 0.0])
def test_a_damaged_graph(look, exported, share):
    cut(version_of(look.serving, exported.path) / "saved_model.pb", share)
    refused(look)


def test_a_graph_that_is_garbage(look, exported):
    (version_of(look.serving, exported.path) / "saved_model.pb").write_bytes(b"garbage" * 100)
    assert "it cannot be loaded" in refused(look)


def test_what_was_changed_after_its_push(look, exported):
    version = push(exported.path, look.serving).version
    cut(next((look.serving / str(version)).glob("variables/variables.data*")))
    with pytest.raises(UserError, match=rf"version {version}, which serves.* damaged: .*ignore_baseline={version}$"):
        look()


STRINGS = tf.TensorSpec([None], tf.string)


class Foreign(tf.Module):
    """Another project's model."""

    def __init__(self, outputs):
        super().__init__()
        self.outputs = outputs

    @tf.function(input_signature=[STRINGS])
    def pairs(self, pairs):
        return self.outputs(tf.ones_like(tf.strings.length(pairs), tf.float32), pairs)

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32)])
    def numbers(self, x):
        return {"score": x[:, 0], "distance": x[:, 0]}


@pytest.mark.parametrize(
    ("signature", "outputs", "reason"),
    [
        ("other", lambda ones, _: {"score": ones, "distance": ones}, "has no signature serving_default"),
        ("serving_default", lambda ones, _: {"probability": ones}, "has no output score, but probability"),
        ("serving_default", lambda ones, _: {"score": ones}, "has no output distance, but score"),
        (
            "serving_default",
            lambda ones, _: {"score": ones[:, None], "distance": ones},
            "its score has the shape [2, 1]",
        ),
        ("serving_default", lambda ones, _: {"score": ones, "distance": ones[0]}, "its distance has the shape []"),
        ("serving_default", lambda ones, _: {"score": ones * np.nan, "distance": ones}, "score is not a finite number"),
        (
            "serving_default",
            lambda ones, pairs: {
                "score": tf.io.parse_example(pairs, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"],
                "distance": ones,
            },
            "rejects pair Examples of 12x10",
        ),
    ],
)
def test_another_projects_model(look, tmp_path, signature, outputs, reason):
    module = Foreign(outputs)
    tf.saved_model.save(module, str(tmp_path / "foreign"), signatures={signature: module.pairs})
    version_of(look.serving, tmp_path / "foreign")
    assert reason in refused(look)


def test_a_model_that_takes_numbers(look, tmp_path):
    module = Foreign(lambda ones, _: {"score": ones})
    tf.saved_model.save(module, str(tmp_path / "foreign"), signatures={"serving_default": module.numbers})
    version_of(look.serving, tmp_path / "foreign")
    assert "rejects pair Examples of 12x10" in refused(look)


def test_another_projects_model_with_the_same_signature_is_compared_with(look, tmp_path):
    module = Foreign(lambda ones, _: {"score": ones, "distance": ones})
    tf.saved_model.save(module, str(tmp_path / "foreign"), signatures={"serving_default": module.pairs})
    version_of(look.serving, tmp_path / "foreign")
    [_], _, report, _ = look()
    assert (report.status, report.version, report.split, report.image) == ("served", 7, {}, {}), "it has no manifest"


def test_weights_that_are_not_numbers(look, exported, tmp_path):
    weights = exported.encoder.get_weights()
    try:
        exported.encoder.set_weights([np.full_like(one, np.nan) for one in weights])
        exported.served.save(str(tmp_path / "nan"))
    finally:  # other tests have the same model
        exported.encoder.set_weights(weights)
    version_of(look.serving, tmp_path / "nan")
    assert "is not a finite number" in refused(look)
