"""The emulation itself, on small tasks: what it accepts, passes on, keeps and loses."""

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
    return component, {"taskInfo": {"name": name}, "componentRef": {"name": name}, "inputs": wired, **task}, container


def tasks(spec: dict) -> dict:
    return spec["root"]["dag"]["tasks"]


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
        "defaultPipelineRoot": "minio://unread/root",
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


def test_values_and_artifacts_arrive_as_from_the_driver_and_the_launcher(backend, file, spec):
    run = backend.run(file(spec), pipeline_root="minio://bucket/root/")
    assert run.state == "SUCCEEDED", run.tasks

    folder, metadata = backend.artifact(run, "Make", "thing")
    assert f"buckets/minio/bucket/root/two/{run.run_id}/Make/" in str(folder)
    assert json.loads((folder / "file").read_text()) == {
        "who": run.run_id,
        "part": "run {{$.pipeline_job_uuid}}",  # only a whole value is filled in
        "number": "3",
        "count": 7,
    }
    assert metadata.items() >= {"number": 3.0, "text": "three", "flag": 1.0, "display_name": "thing"}.items()
    assert (metadata["list"], metadata.keys() >= {"store_session_info"}) == ({"list": [1, 2]}, True)
    assert backend.artifact(run, "Take", "executor-logs")[0].read_text() == run.tasks["Take"].logs[0]
    took, environment = run.tasks["Take"].events
    assert took["files"] == ["file"]  # the empty folder was lost
    assert took["artifact"].keys() == {"name", "type", "uri", "metadata"}
    assert took["artifact"]["type"] == {"instanceSchema": ""}  # forgotten
    pod = {"HOME", "KFP_POD_NAME", "KFP_POD_UID", "KUBERNETES_SERVICE_HOST", "LC_CTYPE", "PATH", "TMPDIR"}
    service = {"ML_PIPELINE_UI_SERVICE_HOST", "ML_PIPELINE_UI_SERVICE_PORT"}
    assert set(environment["names"]) <= pod | service | {"SIAMESE_MOUNT_ROOT"}


def test_a_run_may_set_parameters(backend, file, spec):
    run = backend.run(file(spec), parameters={"count": 9})

    folder, _ = backend.artifact(run, "Make", "thing")
    assert json.loads((folder / "file").read_text())["count"] == 9
    with pytest.raises(Refused, match="parameter other is not declared"):
        backend.run(file(spec), parameters={"other": 9})


@pytest.mark.parametrize("published", [True, False])
def test_the_log_is_an_output_of_every_task_where_the_server_publishes_logs(tmp_path, file, spec, published):
    backend = Backend(tmp_path / "cluster", publish_logs=published)
    run = backend.run(file(spec))

    for name, outputs in (("Make", {"thing"}), ("Take", set())):
        assert run.tasks[name].outputs.keys() == outputs | ({"executor-logs"} if published else set())
    if published:
        assert backend.artifact(run, "Take", "executor-logs")[0].read_text() == run.tasks["Take"].logs[0]


def test_a_run_without_a_value_for_a_parameter_is_refused(backend, file, spec):
    with pytest.raises(Refused, match="parameter count: '9' is of another type"):
        backend.run(file(spec), parameters={"count": "9"})
    del spec["root"]["inputDefinitions"]["parameters"]["count"]["defaultValue"]
    with pytest.raises(Refused, match="parameter count is not optional, yet has neither default value"):
        backend.run(file(spec))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda task, _: task["inputs"]["parameters"].update(count=constant("7")), "type mismatch"),
        (lambda task, _: task["inputs"]["parameters"].pop("count"), "neither value nor default value provided"),
        (
            lambda task, _: task["inputs"]["parameters"].update(count={"componentInputParameter": "x"}),
            "parent DAG does",
        ),
        (lambda task, _: task["taskInfo"].update(name="Maker"), "task spec is required"),
    ],
)
def test_a_task_whose_inputs_cannot_be_resolved_fails_and_what_depends_on_it_never_starts(
    backend, file, spec, change, message
):
    task = spec["root"]["dag"]["tasks"]["Make"]
    task["retryPolicy"] = {"maxRetryCount": 2}
    change(task, spec)
    run = backend.run(file(spec))

    assert (run.state, run.failed) == ("FAILED", ["Make"])
    assert message in run.tasks["Make"].logs[0]
    assert (run.tasks["Make"].codes, run.tasks["Take"].state) == ([], "PENDING")


def test_a_failed_pod_is_retried_as_often_as_the_policy_allows(backend, file, spec):
    tasks = spec["root"]["dag"]["tasks"]
    tasks["Take"]["retryPolicy"] = {"maxRetryCount": 2}
    killed = backend.run(file(spec), kill={"Take": Kill("took", signal.SIGTERM)})
    assert killed.state == "SUCCEEDED"
    assert killed.tasks["Take"].codes in ([-signal.SIGTERM, 0], [0])  # it may have been quicker

    spec["deploymentSpec"]["executors"]["Take_executor"]["container"]["command"] = ["false"]
    failed = backend.run(file(spec))
    assert (failed.failed, failed.tasks["Take"].codes) == (["Take"], [1, 1, 1])


def test_outputs_of_an_earlier_run_may_replace_a_task(backend, file, spec):
    first = backend.run(file(spec))
    again = backend.run(file(spec), cached={"Make": first.tasks["Make"]})

    assert again.tasks["Make"].logs == []
    assert backend.artifact(again, "Make", "thing") == backend.artifact(first, "Make", "thing")


def conditional(spec, comparison="== true", written="True") -> dict:
    """Make decides whether Take runs; Last waits for Take."""
    spec["components"]["Make"]["outputDefinitions"]["parameters"] = {"go": {"parameterType": "BOOLEAN"}}
    command = spec["deploymentSpec"]["executors"]["Make_executor"]["container"]["command"]
    command[2] = command[2].replace(
        'json.dumps({"artifacts"', f'json.dumps({{"parameterValues": {{"go": {written}}}, "artifacts"'
    )
    take = tasks(spec)["Take"]
    take["inputs"]["parameters"] = {"go": {"taskOutputParameter": {"producerTask": "Make", "outputParameterKey": "go"}}}
    take["triggerPolicy"] = {"condition": f"inputs.parameter_values['go'] {comparison}"}
    spec["components"]["Take"]["inputDefinitions"]["parameters"] = {"go": {"parameterType": "BOOLEAN"}}
    tasks(spec)["Last"] = {"taskInfo": {"name": "Last"}, "componentRef": {"name": "Last"}, "dependentTasks": ["Take"]}
    spec["components"]["Last"] = {"executorLabel": "Last_executor"}
    spec["deploymentSpec"]["executors"]["Last_executor"] = {"container": {"image": "i", "command": ["true"]}}
    return spec


@pytest.mark.parametrize(
    ("comparison", "written", "states", "state"),
    [
        ("== true", "True", ["SUCCEEDED", "SUCCEEDED", "SUCCEEDED"], "SUCCEEDED"),
        ("== false", "True", ["SUCCEEDED", "SKIPPED", "SKIPPED"], "SUCCEEDED"),
        ("== true", "False", ["SUCCEEDED", "SKIPPED", "SKIPPED"], "SUCCEEDED"),
        ("== true", "'true'", ["FAILED", "PENDING", "PENDING"], "FAILED"),  # declared as a truth value
    ],
)
def test_a_condition_that_does_not_hold_skips_its_task_and_those_after_it(
    backend, file, spec, comparison, written, states, state
):
    run = backend.run(file(conditional(spec, comparison, written)))

    assert [run.tasks[name].state for name in ("Make", "Take", "Last")] == states, run.tasks
    assert run.state == state


def test_an_output_parameter_may_come_from_a_file_and_must_come(backend, file, spec):
    conditional(spec, written="None")
    command = spec["deploymentSpec"]["executors"]["Make_executor"]["container"]["command"]
    command[2] = command[2].replace('"parameterValues": {"go": None}, ', "")
    run = backend.run(file(spec))
    assert "failed to read output parameter name='go'" in run.tasks["Make"].logs[-1]

    command[2] += 'pathlib.Path(given["outputs"]["parameters"]["go"]["outputFile"]).write_text("false")\n'
    run = backend.run(file(spec))
    assert (run.state, run.tasks["Take"].state) == ("SUCCEEDED", "SKIPPED")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"flag": True', '"flag": None', "metadata flag: unknown/unsupported value type"),
        ('"metadata": metadata', '"metadata": 7', "failed to unmarshall ExecutorOutput"),
        ('"metadata": metadata', '"properties2": {}', "failed to unmarshall ExecutorOutput"),
        ('"uri": thing["uri"]', '"uri": "minio://bucket/else"', "does not have expected bucket prefix"),
        ("output = ", '(folder / "link").symlink_to(folder / "empty")\noutput = ', "unable to complete copying"),
    ],
)
def test_what_the_launcher_cannot_publish_fails_the_pod_which_is_retried(backend, file, spec, old, new, message):
    command = spec["deploymentSpec"]["executors"]["Make_executor"]["container"]["command"]
    assert old in command[2]
    command[2] = command[2].replace(old, new)
    spec["root"]["dag"]["tasks"]["Make"]["retryPolicy"] = {"maxRetryCount": 1}
    run = backend.run(file(spec))

    assert (run.failed, run.tasks["Make"].codes) == (["Make"], [1, 1])
    assert message in run.tasks["Make"].logs[-1]
    assert not run.tasks["Make"].outputs


def test_an_output_without_a_file_is_recorded_without_content(backend, file, spec):
    containers = spec["deploymentSpec"]["executors"]
    containers["Make_executor"]["container"]["command"][2] = "print('nothing')"
    listing = TAKE.replace("sorted(path.name for path in folder.iterdir())", "folder.exists()")
    containers["Take_executor"]["container"]["command"][2] = listing
    run = backend.run(file(spec))

    assert run.state == "SUCCEEDED", run.tasks
    assert run.tasks["Take"].events[0]["files"] is False


def test_an_artifact_brings_along_its_neighbours_whose_names_begin_like_its_own(backend, file, spec):
    make = spec["deploymentSpec"]["executors"]["Make_executor"]["container"]["command"]
    make[2] += 'neighbour = folder.with_name("thing_run")\nneighbour.mkdir()\n(neighbour / "log").write_text("l")\n'
    outputs = spec["components"]["Make"]["outputDefinitions"]["artifacts"]
    outputs["thing_run"] = outputs["thing"]
    take = spec["deploymentSpec"]["executors"]["Take_executor"]["container"]["command"]
    take[2] = take[2].replace("folder.iterdir()", "folder.parent.iterdir()")

    assert backend.run(file(spec)).tasks["Take"].events[0]["files"] == ["executor-logs", "thing", "thing_run"][1:]


def test_kubernetes_and_the_launcher_fill_in_arguments(backend, file, spec):
    container = spec["deploymentSpec"]["executors"]["Make_executor"]["container"]
    container["command"][2] += 'print(json.dumps({"event": "arguments", "given": sys.argv[2:]}))\n'
    container["env"] = [{"name": "MODE", "value": "fast"}]
    container["args"] += ["$(MODE) $(NONE) $$(MODE) cost$$", "{{$.inputs.parameters['number']}}"]
    container["args"] += ["{{$.outputs.artifacts['thing'].uri}}", "{{$.outputs.artifacts['thing'].path}}"]
    (event,) = backend.run(file(spec)).tasks["Make"].events

    assert event["given"][:2] == ["fast $(NONE) $(MODE) cost$", "3"]
    uri, path = event["given"][2:]
    assert uri.startswith("minio://mlpipeline/v2/artifacts/two/")
    assert path.endswith("/mount/minio/" + uri.removeprefix("minio://"))


def test_the_platform_document_sets_up_the_pod(backend, file, spec, tmp_path):
    (tmp_path / "data").mkdir()
    mode = {"name": "MODE", "value": "/x/y"}
    spec["deploymentSpec"]["executors"]["Take_executor"]["container"]["env"] = [mode]
    volumes = {
        "pvcMount": [{"constant": "data", "mountPath": str(tmp_path / "data")}],
        "emptyDirMounts": [{"volumeName": "x", "mountPath": "/x"}],
    }
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"Take_executor": volumes}}}}}
    run = backend.run(file(spec, platform))
    assert run.tasks["Take"].events[1]["mode"].endswith("/volumes/x/y")

    mode["value"] = "/tmp/x/y"  # which is below no volume
    assert backend.run(file(spec, platform)).tasks["Take"].events[1]["mode"] == "/tmp/x/y"

    volumes["pvcMount"][0]["mountPath"] = "/no/such/mount"
    assert backend.run(file(spec, platform)).tasks["Take"].logs == ["persistentvolumeclaim data not found"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda spec: spec.update(schemaVersion="2.0.0"), "schema version 2.0.0 is not supported"),
        (lambda spec: spec.update(unknown=1), "invalid v2 pipeline spec.*unknown"),
        (lambda spec: spec["pipelineInfo"].update(name=""), "no pipeline spec is provided"),
        (lambda spec: tasks(spec).update({"Under_score": {"componentRef": {"name": "Make"}}}), "task name Under_score"),
        (lambda spec: tasks(spec)["Make"]["componentRef"].update(name="X"), "component spec for 'X' not found"),
        (lambda spec: spec["components"]["Make"].update(executorLabel="X"), "executor with label 'X' not found"),
        (lambda spec: tasks(spec)["Make"].update(dependentTasks=["X"]), "unknown producer task 'X'"),
        (lambda spec: tasks(spec)["Make"].update(dependentTasks=["Take"]), "the workflow has a cycle"),
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
def test_what_the_api_server_would_refuse_is_refused(backend, file, spec, change, message):
    change(spec)
    with pytest.raises(Refused, match=message):
        backend.run(file(spec))


@pytest.mark.parametrize(
    ("pods", "message"),
    [
        ({"deploymentSpec": {"executors": {"Make_executor": {"volumes": []}}}}, "unknown field 'volumes'"),
        ({"deployment": {}}, "invalid v2 pipeline spec"),
    ],
)
def test_an_unknown_field_of_the_platform_document_is_refused(backend, file, spec, pods, message):
    with pytest.raises(Refused, match=message):
        backend.run(file(spec, {"platforms": {"kubernetes": pods}}))


def test_tasks_wait_for_those_that_their_inputs_come_from(backend, file, spec):
    del tasks(spec)["Take"]["dependentTasks"]
    assert backend.run(file(spec)).state == "SUCCEEDED"
