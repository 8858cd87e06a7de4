"""The emulation itself, on tasks of two lines: what it takes, hands over, keeps and loses."""

import json
import signal
from pathlib import Path

import pytest
import yaml
from kubeflow_backend import Backend, Kill, Refused

SCHEMA = "title: siamese.Thing\ntype: object\n"
MAKE = """
import json, os, pathlib, sys
given = json.loads(sys.argv[1])
thing = given["outputs"]["artifacts"]["thing"]["artifacts"][0]
folder = pathlib.Path(os.environ["SIAMESE_MOUNT_ROOT"], thing["uri"].replace("://", "/"))
(folder / "empty").mkdir(parents=True)
(folder / "file").write_text(json.dumps(given["inputs"]["parameterValues"]))
output = pathlib.Path(given["outputs"]["outputFile"])
output.parent.mkdir(exist_ok=True)
metadata = {"number": 3, "text": "three", "list": [1, 2], "flag": True}
output.write_text(json.dumps({"artifacts": {"thing": {"artifacts": [{"uri": thing["uri"], "metadata": metadata}]}}}))
"""
TAKE = """
import json, os, pathlib, sys
thing = json.loads(sys.argv[1])["inputs"]["artifacts"]["thing"]["artifacts"][0]
folder = pathlib.Path(os.environ["SIAMESE_MOUNT_ROOT"], thing["uri"].replace("://", "/"))
print(json.dumps({"event": "took", "artifact": thing, "files": sorted(path.name for path in folder.iterdir())}))
print(json.dumps({"event": "environment", "names": sorted(os.environ), "mode": os.environ.get("MODE")}))
"""


def node(name: str, program: str, inputs: dict, outputs: tuple[str, ...] = (), **task) -> tuple[dict, dict, dict]:
    parameters = {key: {"parameterType": kind} for key, (kind, _) in inputs.get("parameters", {}).items()}
    component = {
        "executorLabel": f"{name}_executor",
        "inputDefinitions": {"parameters": parameters},
        "outputDefinitions": {"artifacts": {key: {"artifactType": {"instanceSchema": SCHEMA}} for key in outputs}},
    }
    wired = {
        "parameters": {key: source for key, (_, source) in inputs.get("parameters", {}).items()},
        "artifacts": {
            key: {"taskOutputArtifact": {"producerTask": producer, "outputArtifactKey": output}}
            for key, (producer, output) in inputs.get("artifacts", {}).items()
        },
    }
    container = {"image": "i", "command": ["python", "-c", program], "args": ["{{$}}"]}
    return component, {"componentRef": {"name": name}, "inputs": wired, **task}, container


def constant(value) -> dict:
    return {"runtimeValue": {"constant": value}}


@pytest.fixture
def spec() -> dict:
    parameters = {
        "who": ("STRING", constant("{{$.pipeline_job_uuid}}")),
        "part": ("STRING", constant("run {{$.pipeline_job_uuid}}")),
        "number": ("STRING", constant(3)),
        "count": ("NUMBER_INTEGER", {"componentInputParameter": "count"}),
    }
    nodes = {
        "Make": node("Make", MAKE, {"parameters": parameters}, ("thing",)),
        "Take": node("Take", TAKE, {"artifacts": {"thing": ("Make", "thing")}}, dependentTasks=["Make"]),
    }
    return {
        "pipelineInfo": {"name": "two"},
        "schemaVersion": "2.1.0",
        "defaultPipelineRoot": "minio://bucket/root/",
        "components": {name: component for name, (component, _, _) in nodes.items()},
        "deploymentSpec": {
            "executors": {f"{name}_executor": {"container": container} for name, (_, _, container) in nodes.items()}
        },
        "root": {
            "dag": {"tasks": {name: task for name, (_, task, _) in nodes.items()}},
            "inputDefinitions": {"parameters": {"count": {"parameterType": "NUMBER_INTEGER", "defaultValue": 7}}},
        },
    }


@pytest.fixture
def file(tmp_path):
    def written(*documents: dict) -> Path:
        path = tmp_path / "p.yaml"
        path.write_text(yaml.safe_dump_all(documents))
        return path

    return written


@pytest.fixture
def backend(tmp_path) -> Backend:
    return Backend(tmp_path / "cluster")


def test_values_and_artifacts_arrive_as_the_driver_and_the_launcher_hand_them_over(backend, file, spec):
    run = backend.run(file(spec))
    assert run.state == "SUCCEEDED", run.tasks

    place, metadata = backend.artifact(run, "Make", "thing")
    assert f"buckets/minio/bucket/root/two/{run.run_id}/Make/" in str(place)
    assert json.loads((place / "file").read_text()) == {
        "who": run.run_id,
        "part": "run {{$.pipeline_job_uuid}}",  # only a whole value is filled in
        "number": "3",
        "count": 7.0,
    }
    assert metadata == {"number": 3.0, "text": "three", "list": {"list": [1, 2]}, "flag": 1.0}
    assert backend.artifact(run, "Take", "executor-logs")[0].read_text() == run.tasks["Take"].logs[0]
    took, environment = run.tasks["Take"].events
    assert took["files"] == ["file"]  # the empty folder was lost
    assert took["artifact"].keys() == {"name", "uri", "metadata"}  # and no type
    assert set(environment["names"]) <= {"HOME", "LC_CTYPE", "PATH", "SIAMESE_MOUNT_ROOT", "TMPDIR"}


def test_a_run_may_give_parameters_of_its_own(backend, file, spec):
    run = backend.run(file(spec), parameters={"count": 9})

    place, _ = backend.artifact(run, "Make", "thing")
    assert json.loads((place / "file").read_text())["count"] == 9
    with pytest.raises(Refused, match="parameter other is not declared"):
        backend.run(file(spec), parameters={"other": 9})


def test_a_parameter_without_a_value_fails_its_task_and_what_depends_on_it_waits_for_ever(backend, file, spec):
    del spec["root"]["inputDefinitions"]["parameters"]["count"]["defaultValue"]
    run = backend.run(file(spec))

    assert (run.state, run.failed) == ("FAILED", ["Make"])
    assert run.tasks["Make"].logs == ["parent DAG does not have input parameter count"]
    assert run.tasks["Take"].state == "PENDING"


def test_a_failed_pod_is_tried_again_as_often_as_the_policy_says(backend, file, spec):
    tasks = spec["root"]["dag"]["tasks"]
    tasks["Take"]["retryPolicy"] = {"maxRetryCount": 2}
    killed = backend.run(file(spec), kill={"Take": Kill("took", signal.SIGTERM)})
    assert killed.state == "SUCCEEDED"
    assert killed.tasks["Take"].codes in ([-signal.SIGTERM, 0], [0])  # it may have been quicker

    spec["deploymentSpec"]["executors"]["Take_executor"]["container"]["command"] = ["false"]
    failed = backend.run(file(spec))
    assert (failed.failed, failed.tasks["Take"].codes) == (["Take"], [1, 1, 1])


def test_what_an_earlier_run_left_may_stand_in_for_a_task(backend, file, spec):
    first = backend.run(file(spec))
    again = backend.run(file(spec), cached={"Make": first.tasks["Make"]})

    assert again.tasks["Make"].logs == []
    assert backend.artifact(again, "Make", "thing") == backend.artifact(first, "Make", "thing")


def test_null_is_no_metadata(backend, file, spec):
    program = MAKE.replace('"flag": True', '"flag": None')
    spec["deploymentSpec"]["executors"]["Make_executor"]["container"]["command"][2] = program
    with pytest.raises(Refused, match="metadata flag: unknown/unsupported value type"):
        backend.run(file(spec))


def test_the_platform_document_sets_up_the_pod(backend, file, spec, tmp_path):
    (tmp_path / "data").mkdir()
    spec["deploymentSpec"]["executors"]["Take_executor"]["container"]["env"] = [{"name": "MODE", "value": "/x/y"}]
    volumes = {
        "pvcMount": [{"constant": "data", "mountPath": str(tmp_path / "data")}],
        "emptyDirMounts": [{"volumeName": "x", "mountPath": "/x"}],
    }
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"Take_executor": volumes}}}}}
    run = backend.run(file(spec, platform))
    assert run.tasks["Take"].events[1]["mode"].endswith("/scratch/y")

    volumes["pvcMount"][0]["mountPath"] = "/no/such/mount"
    assert backend.run(file(spec, platform)).tasks["Take"].logs == ["persistentvolumeclaim data not found"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda spec: spec.update(schemaVersion="2.0.0"), "schema version 2.0.0 is not supported"),
        (lambda spec: spec.update(unknown=1), "invalid v2 pipeline spec.*unknown"),
        (lambda spec: spec["root"]["dag"]["tasks"].update({"Under_score": {"componentRef": {"name": "Make"}}}), "name"),
        (
            lambda spec: spec["deploymentSpec"]["executors"].update({"Make_executor": {"resolver": {}}}),
            "Make: non-container and non-importer executor",
        ),
        (
            lambda spec: spec["deploymentSpec"]["executors"]["Make_executor"]["container"].update(gpu=1),
            "invalid v2 pipeline spec",
        ),
    ],
)
def test_what_the_api_server_would_not_take_is_refused(backend, file, spec, change, message):
    change(spec)
    with pytest.raises(Refused, match=message):
        backend.run(file(spec))
