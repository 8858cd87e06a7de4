"""The entire graph on an emulation of the Kubeflow Pipelines backend: each node is a separate process."""

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from kubeflow_backend import Backend, Kill

from components.serving_folder import serving_folder
from pipeline.config import load_config
from pipeline.runners.kubeflow.compile.compilation import compile_pipeline
from pipeline.runners.local.images import write_digits

pytestmark = pytest.mark.e2e

ROOT = "minio://mlpipeline/siamese"
SETTINGS = {
    "name": "digits",
    "data": {"split": {"by": "image"}},
    "image": {"height": 8, "width": 8, "channels": 1},
    "encoder": {"filters": [16, 32], "embedding": 32, "dropout": 0.0},
    "loss": {"form": "pairs", "margin": 1.0},
    "gates": {"floors": {"accuracy": 0.78, "precision": 0.7}, "max_drop": {"accuracy": 0.005}},
}
READS_IMAGES = ("ImageExampleGen", "SchemaSource", "StatisticsGen", "ExampleValidator", "AnomalyGate", "PairGenerator")
UNTIL_TRAINING = (*READS_IMAGES, "Transform")


class Story:
    """Runs on one cluster and one serving folder, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.backend = folder, Backend(folder / "cluster")
        self.data, self.serving = write_digits(folder / "volumes" / "images" / "digits"), folder / "volumes" / "serving"
        self.serving.mkdir()

    def config(self, name: str, epochs: int, min_new_images: int = 0) -> Path:
        file = self.folder / f"{name}.yaml"
        kubeflow = {
            "image": "registry.example/siamese@sha256:" + 64 * "0",
            "pipeline_root": ROOT,
            "volumes": [
                {"claim": "images", "path": str(self.folder / "volumes" / "images")},
                {"claim": "serving", "path": str(self.serving)},
            ],
            "checkpoints": str(self.serving / ".checkpoints"),
        }
        content = {**SETTINGS, "training": {"epochs": epochs}, "kubeflow": kubeflow}
        content["data"] = {**SETTINGS["data"], "source": str(self.data), "min_new_images": min_new_images}
        content["push"] = {"serving_dir": str(self.serving / "digits")}
        file.write_text(yaml.safe_dump(content))
        return file

    def compiled(self, config: Path) -> Path:
        file = config.with_suffix(".pipeline.yaml")
        compile_pipeline(load_config(config)).write(file)
        return file

    @property
    def versions(self) -> list[int]:
        return serving_folder.versions(self.serving / "digits")

    def read(self, run, task: str, key: str, name: str) -> dict:
        return json.loads((self.backend.artifact(run, task, key)[0] / name).read_text())

    def outcome(self, run) -> dict:
        return self.read(run, "Outcome", "outcome", "outcome.json")

    def scores(self, run):
        return pq.read_table(self.backend.artifact(run, "PairScores", "scores")[0] / "scores.parquet")


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> dict:
    """First a briefly trained model; then, concurrently, an untrained one and a better one with two steps killed;
    last one without new images.

    The local run uses the other core.
    """
    cluster = Story(tmp_path_factory.mktemp("kubeflow"))
    recipes = {"first": (2, 50), "crippled": (0,), "better": (9,), "nothing new": (2, 50)}
    files = {name: cluster.config(name, *recipe) for name, recipe in recipes.items()}
    run = partial(cluster.backend.run, pipeline_root=ROOT)  # which submit reads from the file, and sends along
    with ThreadPoolExecutor(2) as threads:
        local = threads.submit(run_locally, files["better"], tmp_path_factory.mktemp("local"))
        first = run(cluster.compiled(files["first"]))
        versions = cluster.versions
        kept = {task: first.tasks[task] for task in UNTIL_TRAINING}  # what does not depend on the recipe
        crippled = threads.submit(run, cluster.compiled(files["crippled"]), cached=kept)
        killed = {"Trainer": Kill("epoch 3/"), "Evaluator": Kill('"started"')}
        better = run(cluster.compiled(files["better"]), cached=kept, kill=killed)
        ingested = {task: first.tasks[task] for task in READS_IMAGES if task != "PairGenerator"}
        skipped = run(cluster.compiled(files["nothing new"]), cached=ingested)
        runs = {"first": first, "crippled": crippled.result(), "better": better, "nothing new": skipped}
        return {"cluster": cluster, "first versions": versions, "local": local.result(), **runs}


def run_locally(config: Path, output: Path) -> Path:
    """The same configuration with the local runner and a separate serving folder; returns the output folder."""
    command = [sys.executable, "-m", "pipeline", "run", "--config", str(config), "--output", str(output)]
    command += ["--set", f"push.serving_dir={output / 'serving'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return output


def test_the_first_run_pushes(story):
    run, cluster = story["first"], story["cluster"]

    assert run.state == "SUCCEEDED", {name: run.tasks[name].logs for name in run.failed}
    outcome = cluster.outcome(run)
    assert (outcome["status"], outcome["run_id"]) == ("pushed", run.run_id)
    assert all(gate["passed"] for gate in outcome["gates"])
    assert [outcome["pushed_version"]] == story["first versions"]
    assert serving_folder.history(cluster.serving / "digits").events[0].run_id == run.run_id


def test_an_absent_baseline_is_reported_and_nothing_is_compared(story):
    run, cluster = story["first"], story["cluster"]

    folder, metadata = cluster.backend.artifact(run, "Baseline", "model")
    assert metadata["absent"] == 1.0
    assert any(folder.iterdir())
    assert "nothing serves yet" in str(cluster.outcome(run)["gates"])


def test_the_first_run_goes_on_where_there_is_nothing_to_be_newer_than(story):
    run, cluster = story["first"], story["cluster"]

    assert run.tasks["NewData"].parameters["enough"].bool_value is True
    (verdict,) = cluster.read(run, "NewData", "verdict", "verdict.json")["gates"]
    assert "nothing serves yet" in verdict["reason"]


def test_a_run_without_new_images_skips_everything_from_the_pairs_on_and_succeeds(story):
    run, cluster = story["nothing new"], story["cluster"]

    assert run.state == "SUCCEEDED", {name: run.tasks[name].logs for name in run.failed}
    ran = {name for name, task in run.tasks.items() if task.state == "SUCCEEDED"}
    assert ran == {"ImageExampleGen", "SchemaSource", "StatisticsGen", "ExampleValidator", "AnomalyGate"} | {
        "Baseline",
        "NewData",
    }
    (skipped,) = [line for line in run.tasks["NewData"].events if line["event"] == "skipped"]
    assert f"0 new images since version {cluster.versions[-1]}, 50 required" in skipped["reason"]
    pushed_by = {event.run_id for event in serving_folder.history(cluster.serving / "digits").events}
    assert run.run_id not in pushed_by


def test_a_crippled_model_is_refused_the_run_fails_and_what_served_still_serves(story):
    run, cluster = story["crippled"], story["cluster"]

    assert run.failed == ["OutcomeGate"], {name: run.tasks[name].logs for name in run.failed}
    assert run.tasks["OutcomeGate"].codes == [3]  # once: a refusal is not retried
    last = run.tasks["OutcomeGate"].events[-1]
    assert (last["event"], "was refused" in last["reason"]) == ("refused", True)
    assert {gate["name"] for gate in cluster.outcome(run)["gates"] if not gate["passed"]} >= {"floors"}
    pushed_by = {event.run_id for event in serving_folder.history(cluster.serving / "digits").events}
    assert pushed_by == {story["first"].run_id, story["better"].run_id}


@pytest.mark.parametrize("name", ["first", "crippled", "better"])
def test_a_finished_run_has_a_report_and_a_card_even_if_refused(story, name):
    run, cluster = story[name], story["cluster"]
    outcome, summary = cluster.outcome(run), cluster.read(run, "RunReport", "report", "summary.json")

    assert (summary["status"], summary["pushed_version"]) == (outcome["status"], outcome["pushed_version"])
    gates = {gate["name"]: gate for gate in summary["gates"]}
    assert [gates[gate["name"]] for gate in outcome["gates"]] == outcome["gates"]
    assert gates["anomalies"]["passed"]
    assert summary["metrics"]["accuracy"]["low"] <= summary["metrics"]["accuracy"]["value"]
    page = (cluster.backend.artifact(run, "RunReport", "report")[0] / "report.html").read_text()
    assert ("must not be used" in page) == (name == "crippled")
    assert page.count('class="plotly-graph-div"') >= 6
    card = (cluster.backend.artifact(run, "ModelCard", "card")[0] / "model_card.md").read_text()
    assert ("**This model must not be used: " in card) == (name == "crippled")
    if name != "crippled":
        version = cluster.serving / "digits" / str(outcome["pushed_version"])
        assert (version / "assets.extra" / "model_card.md").read_text() == card


def test_a_better_model_replaces_it(story):
    run, cluster = story["better"], story["cluster"]

    assert run.state == "SUCCEEDED", {name: run.tasks[name].logs for name in run.failed}
    assert cluster.versions[-1] == cluster.outcome(run)["pushed_version"] > story["first versions"][-1]
    assert any("of the served model" in gate["reason"] for gate in cluster.outcome(run)["gates"])


def test_a_training_whose_pod_was_lost_continues_in_the_next_pod(story):
    trainer = story["better"].tasks["Trainer"]

    assert trainer.codes == [-signal.SIGKILL, 0]
    epochs = [line["message"].split("  ")[0] for line in trainer.events if line["event"] == "progress"]
    assert "epoch 1/9" not in epochs
    assert "epoch 9/9" in epochs


def test_a_killed_step_is_retried(story):
    assert story["better"].tasks["Evaluator"].codes == [-signal.SIGKILL, 0]


def test_no_path_of_a_pod_is_in_the_metadata_store(story):
    cluster = story["cluster"]
    for run in (story["first"], story["better"]):
        for name, task in run.tasks.items():
            for key in task.outputs:
                metadata = cluster.backend.artifact(run, name, key)[1]
                assert "/pods/" not in json.dumps(metadata), (name, key, metadata)
    blessing = cluster.backend.artifact(story["better"], "Evaluator", "blessing")[1]
    assert blessing["current_model"].startswith(f"{ROOT}/digits/")
    assert blessing["baseline_model"].startswith(f"{ROOT}/digits/")


def test_every_line_of_ours_is_json_and_the_last_one_is_the_result(story):
    for name, task in story["first"].tasks.items():
        assert task.events[0]["event"] == "started"
        assert task.events[-1]["event"] == "finished", name
        assert {line["node"] for line in task.events} == {name}


def test_the_local_runner_has_the_same_results(story):
    """The same images, pairs and scores from the same seed, also of a training that was interrupted on the cluster."""
    cluster, run = story["cluster"], story["better"]
    summary = json.loads((story["local"] / "runs" / "latest" / "summary.json").read_text())

    assert summary["counts"] == {
        "images": cluster.read(run, "ImageExampleGen", "report", "counts.json"),
        "pairs": cluster.read(run, "PairGenerator", "report", "counts.json"),
    }
    (file,) = (story["local"] / "artifacts" / "PairScores").rglob("scores.parquet")
    local, remote = pq.read_table(file), cluster.scores(run)
    assert local.schema.names == remote.schema.names
    for column in ("pair_id", "same", "kind"):
        assert local[column].to_pylist() == remote[column].to_pylist()
    np.testing.assert_allclose(local["score"], remote["score"], atol=1e-4)
    measured = cluster.read(run, "ModelGate", "measures", "intervals.json")["candidate"]
    assert measured.keys() >= {"accuracy", "auc", "eer"}
    for name, measure in measured.items():
        assert measure == pytest.approx(summary["metrics"][name], abs=1e-4), name
    (file,) = (story["local"] / "artifacts" / "Outcome").rglob("outcome.json")
    assert verdicts(json.loads(file.read_text())) == verdicts(cluster.outcome(run))


def verdicts(outcome: dict) -> dict:
    """Of the gates that look at the candidate alone: only one of the two has a model in serving to compare with."""
    gates = {gate["name"]: gate["passed"] for gate in outcome["gates"] if not gate["name"].startswith("baseline")}
    assert len(gates) >= 7, gates
    return gates
