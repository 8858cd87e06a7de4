import dataclasses
import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from kubeflow_backend.forked import COMMAND, forked
from tfx.components import CsvExampleGen
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import example_gen_pb2

from pipeline.config.kubeflow import KubeflowSettings
from pipeline.runners.kubeflow.compile.compilation import compile_tfx
from pipeline.runners.kubeflow.entrypoint.artifacts import LocalUris, local_path
from pipeline.runners.kubeflow.entrypoint.events import Events
from pipeline.runners.kubeflow.entrypoint.step import Step, run_step

BUCKET = "minio://bucket/root/run"
TYPES = {
    "inputs": {"source": "tfx.types.standard_artifacts.Model"},
    "outputs": {"model": "tfx.types.standard_artifacts.Model", "log": "tfx.types.standard_artifacts.ModelRun"},
}


@pytest.fixture
def mount(tmp_path, monkeypatch) -> Path:
    """The launcher's folder for artifacts, with one that it has downloaded."""
    monkeypatch.setenv("SIAMESE_MOUNT_ROOT", str(tmp_path / "mount"))
    source = tmp_path / "mount" / "minio" / "bucket" / "root" / "run" / "source"
    source.mkdir(parents=True)
    (source / "data").write_text("ab")
    return tmp_path / "mount" / "minio" / "bucket" / "root" / "run"


def runtime(key: str, **metadata) -> dict:
    """An artifact as the backend passes it: without a type."""
    return {"artifacts": [{"type": {"instanceSchema": ""}, "uri": f"{BUCKET}/{key}", "metadata": metadata}]}


def executor_input(tmp_path: Path, **metadata) -> str:
    return json.dumps(
        {
            "inputs": {"parameterValues": {"times": 3.0}, "artifacts": {"source": runtime("source", **metadata)}},
            "outputs": {
                "artifacts": {"model": runtime("model"), "log": runtime("log")},
                "outputFile": str(tmp_path / "kfp_outputs" / "output_metadata.json"),
            },
        }
    )


def step(tmp_path: Path, executor: str, **metadata) -> Step:
    spec = {"parameters": {"times": {"parameterType": "NUMBER_INTEGER"}}}
    given = executor_input(tmp_path, **metadata)
    return Step("Node", f"step_executors.{executor}", given, json.dumps(spec), TYPES, None, ())


def output(tmp_path: Path) -> dict:
    return json.loads((tmp_path / "kfp_outputs" / "output_metadata.json").read_text())["artifacts"]


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("minio://bucket/a/b", "/minio/bucket/a/b"),
        ("s3://bucket/a", "/s3/bucket/a"),
        ("gs://bucket/a", "/gcs/bucket/a"),
        ("/already/local", "/already/local"),
        ("https://host/a", "https://host/a"),
    ],
)
def test_uris_become_the_launchers_paths(uri, path):
    assert local_path(uri, "/") == path


def test_paths_that_leaked_become_uris_again(monkeypatch):
    monkeypatch.setenv("SIAMESE_MOUNT_ROOT", "/")
    uris = LocalUris()
    short, long = uris.localise("gs://b/run/model"), uris.localise("gs://b/run/model_run")

    assert uris.restore(f"{long}/logs and {short}") == "gs://b/run/model_run/logs and gs://b/run/model"
    assert uris.restore("/gcs/other/thing") == "/gcs/other/thing"


def test_a_node_runs_on_local_files_and_answers_in_uris(tmp_path, mount, log):
    events = Events("Node", log)
    run_step(step(tmp_path, "Copier", version=7.0), events)

    assert (mount / "model" / "saved_model.pb").read_text() == "ababab"  # 3.0 is declared as an integer
    model = output(tmp_path)["model"]["artifacts"][0]
    assert model["uri"] == f"{BUCKET}/model"
    assert model["metadata"]["made_of"] == f"{BUCKET}/source/data"
    assert model["metadata"]["version"] == 8
    assert any((mount / "log").iterdir())  # an empty folder would be lost
    assert lines(log.getvalue())[-1]["artifacts"]["log"] == f"{BUCKET}/log"


def test_what_an_object_store_returns_must_be_what_was_written(tmp_path, mount, log):
    run_step(step(tmp_path, "Copier", version=7.0), Events("Node", log))
    model = output(tmp_path)["model"]["artifacts"][0]
    model["type"] = {"instanceSchema": ""}
    (mount / "model" / "data").symlink_to("saved_model.pb")  # what Copier reads
    one = step(tmp_path, "Copier")
    given = json.loads(one.executor_input)
    given["inputs"]["artifacts"]["source"]["artifacts"] = [model]
    given["outputs"]["artifacts"] = {"model": runtime("next"), "log": runtime("log")}
    one = dataclasses.replace(one, executor_input=json.dumps(given))
    with pytest.raises(RuntimeError, match=f"the input source is damaged: {BUCKET}/model has 12 bytes .*, but 6 bytes"):
        run_step(one, Events("Node", log))
    (mount / "model" / "data").unlink()
    (mount / "model" / "saved_model.pb").write_text("abaBab")
    with pytest.raises(RuntimeError, match=r"has 6 bytes with the checksum .*, but 6 bytes with the checksum"):
        run_step(one, Events("Node", log))
    assert not (mount / "next").exists()


def test_a_boolean_becomes_a_parameter_and_a_conditions_own_is_not_passed_on(tmp_path, mount, log):
    one = step(tmp_path, "ParameterCheck")
    given = json.loads(one.executor_input)
    given["inputs"]["parameterValues"]["condition-Gate-enough"] = True
    given["outputs"]["artifacts"] = {"enough": runtime("enough")}
    given["outputs"]["parameters"] = {"enough": {"outputFile": str(tmp_path / "enough")}}
    types = {"inputs": TYPES["inputs"], "outputs": {"enough": "tfx.types.standard_artifacts.Boolean"}}
    run_step(dataclasses.replace(one, executor_input=json.dumps(given), types=types), Events("Node", log))

    written = json.loads((tmp_path / "kfp_outputs" / "output_metadata.json").read_text())
    assert written["parameterValues"] == {"enough": True}


def test_the_log_that_the_launcher_keeps_among_the_outputs_is_its_own(tmp_path, mount, log):
    """A stock server has PUBLISH_LOGS on: every task is given an output more, and the launcher is writing to it."""
    (mount / "executor-logs").write_text("started")
    known = step(tmp_path, "Copier")
    given = json.loads(known.executor_input)
    given["outputs"]["artifacts"]["executor-logs"] = {
        "artifacts": [{"type": {"schemaTitle": "system.Artifact"}, "uri": f"{BUCKET}/executor-logs"}]
    }
    run_step(Step(**{**known.__dict__, "executor_input": json.dumps(given)}), Events("Node", log))

    assert (mount / "executor-logs").read_text() == "started"
    assert output(tmp_path).keys() == {"model", "log"}


def test_a_placeholder_is_no_artifact_on_both_sides(tmp_path, mount, log):
    run_step(step(tmp_path, "Clearer", absent=1), Events("Node", log))

    model = output(tmp_path)["model"]["artifacts"][0]
    assert (model["uri"], model["metadata"]) == (f"{BUCKET}/model", {"absent": 1})
    assert any((mount / "model").iterdir())


def test_files_of_an_earlier_attempt_are_removed(tmp_path, mount, log):
    (mount / "model").mkdir()
    (mount / "model" / "half").write_text("written")
    run_step(step(tmp_path, "Copier"), Events("Node", log))

    assert [path.name for path in (mount / "model").iterdir()] == ["saved_model.pb"]


def test_a_node_that_fails_leaves_no_output(tmp_path, mount, log):
    with pytest.raises(RuntimeError, match="no\nluck"):
        run_step(step(tmp_path, "Breaker"), Events("Node", log))

    assert not (tmp_path / "kfp_outputs" / "output_metadata.json").exists()


def test_an_unknown_type_is_an_error_that_names_the_artifact(tmp_path, mount, log):
    known = step(tmp_path, "Copier")
    unknown = Step(**{**known.__dict__, "types": {"inputs": {}, "outputs": TYPES["outputs"]}})
    with pytest.raises(KeyError, match="source"):
        run_step(unknown, Events("Node", log))


def test_the_driver_of_a_file_based_example_gen_resolves_the_newest_span(tmp_path, mount, log):
    """Compiled by TFX, with our passes, run by the entrypoint: the backend itself never runs the driver."""
    for span in (1, 3):
        (tmp_path / "csv" / f"span-{span}").mkdir(parents=True)
        (tmp_path / "csv" / f"span-{span}" / "data.csv").write_text(f"number\n{span}\n")
    patterns = [example_gen_pb2.Input.Split(name="all", pattern="span-{SPAN}/*.csv")]
    node = CsvExampleGen(str(tmp_path / "csv"), input_config=example_gen_pb2.Input(splits=patterns))
    compiled = compile_tfx(
        Pipeline("spans", "gs://bucket/root", components=[node]), KubeflowSettings(), "image:1", "gs://bucket/root", {}
    )
    container = compiled.spec["deploymentSpec"]["executors"]["CsvExampleGen_executor"]["container"]
    arguments = dict(zip(container["args"][::2], container["args"][1::2], strict=False))
    parameters = compiled.spec["root"]["dag"]["tasks"]["CsvExampleGen"]["inputs"]["parameters"]
    given = {
        "inputs": {"parameterValues": {key: one["runtimeValue"]["constant"] for key, one in parameters.items()}},
        "outputs": {
            "artifacts": {"examples": runtime("examples")},
            "outputFile": str(tmp_path / "kfp_outputs" / "output_metadata.json"),
        },
    }
    run_step(
        Step(
            "CsvExampleGen",
            arguments["--executor_class_path"],
            json.dumps(given),
            arguments["--json_serialized_inputs_spec_args"],
            json.loads(arguments["--artifact_types"]),
            arguments["--driver"],
            ["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner", "--sdk_container_image=in-process"],
        ),
        Events("CsvExampleGen", log),
    )

    examples = output(tmp_path)["examples"]["artifacts"][0]
    assert int(examples["metadata"]["custom:span"]) == 3  # TFX's prefix of a custom property
    assert list((mount / "examples").glob("Split-*/*.gz"))


def test_the_log_has_our_progress_and_the_warnings_of_others(log):
    events = Events("Trainer", log)
    for name, level, extra in (
        ("siamese.progress", logging.INFO, {}),
        ("absl", logging.INFO, {}),
        ("absl", logging.WARNING, {}),
        ("siamese.outcome", logging.INFO, {"event": "outcome", "details": {"status": "refused"}}),
    ):
        events.handle(logging.makeLogRecord({"name": name, "levelno": level, "msg": "epoch 1", **extra}))

    logged = lines(log.getvalue())
    assert [line["event"] for line in logged] == ["progress", "log", "outcome"]
    assert {line["node"] for line in logged} == {"Trainer"}
    assert logged[2]["status"] == "refused"


def run(as_command: bool, arguments: list[str], environment: dict[str, str], folder: Path) -> tuple[int, str]:
    """(exit code, output) of the entrypoint: of the command, or in a process that is forked with TFX loaded."""
    if as_command:
        command = [sys.executable, *COMMAND[1:], *arguments]
        done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout
    with forked(arguments, environment, folder) as process:
        text = process.stdout.read()
    return process.wait(), text


@pytest.mark.parametrize(
    ("executor", "code", "event", "reason"),
    [
        ("Refuser", 2, "failed", "photos/a.jpg: is no image"),
        ("Breaker", 1, "failed", "RuntimeError: no luck"),
        ("Sleeper", 143, "terminated", "SIGTERM"),
    ],
)
def test_the_last_event_of_a_failed_pod_has_the_reason(tmp_path, mount, executor, code, event, reason):
    known = step(tmp_path, executor)
    arguments = ["--node", "Node", "--executor_class_path", known.executor_class]
    arguments += ["--artifact_types", json.dumps(TYPES), "--json_serialized_invocation_args", known.executor_input]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    found, text = run(executor == "Sleeper", [*arguments, "--runner=DirectRunner"], environment, tmp_path)

    assert found == code, text
    logged = lines(text)
    assert logged[0]["event"] == "started"
    assert (logged[-1]["event"], logged[-1]["reason"]) == (event, reason)
    assert not (tmp_path / "kfp_outputs").exists()
    if executor == "Sleeper":
        assert (mount / "model" / "cleaned").exists()
