"""A node whose user made an error is evaluated once, however often the backend starts it."""

import json
import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import yaml
from kfp_api import argo
from kubeflow_backend import Backend, Kill
from kubeflow_backend.forked import COMMAND
from kubeflow_backend.ui import serving_ui

MODEL = "tfx.types.standard_artifacts.Model"
REASON = "photos: no images"
ROOT = "minio://bucket/root"


@pytest.fixture
def file(tmp_path):
    """A compiled pipeline of one node that fails."""

    def written(failure: str, retries: int = 2) -> Path:
        types = json.dumps({"inputs": {}, "outputs": {"model": MODEL}})
        arguments = ["--node", "Node", "--executor_class_path", "step_executors.Counted", "--artifact_types", types]
        environment = {"PYTHONPATH": str(Path(__file__).parent), "COUNT": str(tmp_path / "count"), "FAILURE": failure}
        container = {
            "image": "i",
            "command": COMMAND,
            "args": [*arguments, "--json_serialized_invocation_args", "{{$}}"],
            "env": [{"name": name, "value": value} for name, value in environment.items()],
        }
        schema = {"artifactType": {"instanceSchema": "title: tfx.Model\ntype: object\n"}}
        component = {"executorLabel": "Node_executor", "outputDefinitions": {"artifacts": {"model": schema}}}
        task = {"taskInfo": {"name": "Node"}, "componentRef": {"name": "Node"}}
        spec = {
            "pipelineInfo": {"name": "one"},
            "schemaVersion": "2.1.0",
            "components": {"Node": component},
            "deploymentSpec": {"executors": {"Node_executor": {"container": container}}},
            "root": {"dag": {"tasks": {"Node": {**task, "retryPolicy": {"maxRetryCount": retries}}}}},
        }
        path = tmp_path / "one.yaml"
        path.write_text(yaml.safe_dump(spec))
        return path

    return written


@pytest.fixture
def evaluated(tmp_path):
    """How often the node has been evaluated."""
    return lambda: len((tmp_path / "count").read_text().splitlines())


def ends(run) -> list[dict]:
    """The last event of each attempt."""
    logs = run.tasks["Node"].logs
    return [json.loads([line for line in log.splitlines() if line.startswith("{")][-1]) for log in logs]


@pytest.mark.parametrize("version", [(2, 5, 0), (2, 16, 0), (2, 17, 0)])
def test_a_users_error_is_evaluated_once(tmp_path, file, evaluated, version):
    run = Backend(tmp_path / "cluster", version=version).run(file("user"))
    assert run.tasks["Node"].codes == [2, 2, 2]
    assert [(end["reason"], end["error_code"]) for end in ends(run)] == [(REASON, "data-no-images")] * 3
    assert evaluated() == 1


@pytest.mark.parametrize("failure", ["unreachable", "disk", "memory", "defect"])
def test_what_may_pass_is_evaluated_again(tmp_path, file, evaluated, failure):
    run = Backend(tmp_path / "cluster").run(file(failure))
    assert len(run.tasks["Node"].codes) == 3
    assert evaluated() == 3


def test_a_lost_pod_is_evaluated_again(tmp_path, file, evaluated):
    run = Backend(tmp_path / "cluster").run(file("user"), kill={"Node": Kill("started")})
    assert run.tasks["Node"].codes == [-signal.SIGKILL, 2, 2]
    assert evaluated() == 1


def test_another_run_is_evaluated(tmp_path, file, evaluated):
    backend = Backend(tmp_path / "cluster")
    for runs in (1, 2):
        backend.run(file("user", retries=1))
        assert evaluated() == runs


def test_without_the_ui_and_without_keys_it_is_evaluated_again(tmp_path, file, evaluated):
    """As a pod of a profile on a multi-user platform: no service of Kubeflow's is in its namespace."""
    Backend(tmp_path / "cluster", ui=False).run(file("user", retries=1))
    assert evaluated() == 2


@pytest.fixture
def attempt(tmp_path):
    """The command of an attempt, where TFX cannot be imported: (exit code, events)."""
    (tmp_path / "none" / "tfx").mkdir(parents=True)
    (tmp_path / "none" / "tfx" / "__init__.py").write_text("raise ImportError('TFX was imported')")

    def run(number: int, logs: dict[str, str], root: str = ROOT, uuid="uuid", log="executor-logs", **variables):
        folder = f"{root}/p/r/Node/{uuid}"
        uris = {"model": f"{folder}/model", "executor-logs": f"{folder}/{log}"}
        outputs = {key: {"artifacts": [{"uri": uri}]} for key, uri in uris.items()}
        given = json.dumps({"outputs": {"artifacts": outputs, "outputFile": str(tmp_path / "output.json")}})
        arguments = ["--node", "Node", "--executor_class_path", "none.None", "--artifact_types", "{}"]
        command = [sys.executable, *COMMAND[1:], *arguments, "--json_serialized_invocation_args", given]
        with serving_ui(tmp_path / "buckets", logs) as (host, port):
            service = {"ML_PIPELINE_UI_SERVICE_HOST": host, "ML_PIPELINE_UI_SERVICE_PORT": str(port)}
            pod = {"KFP_POD_NAME": argo.pod_name("Node", number), "PYTHONPATH": str(tmp_path / "none")}
            environment = {**os.environ, **pod, **service, **variables}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]

    return run


def refusal(age: timedelta = timedelta(), **fields) -> str:
    """The log of an attempt whose user made an error."""
    at = (datetime.now(timezone.utc) - age).isoformat()
    event = {"time": at, "event": "failed", "node": "Node", "reason": REASON, "error_code": "data-no-images"}
    return json.dumps({**event, "settled": True, "gates": [], **fields}) + "\nF1129 launcher failed\n"


def written(tmp_path: Path, name: str) -> None:
    """Puts the log of a refusal into the bucket."""
    folder = tmp_path / "buckets" / "minio" / "bucket" / "root" / "p" / "r" / "Node" / "uuid"
    folder.mkdir(parents=True)
    (folder / name).write_text(refusal())


def test_the_next_attempt_ends_before_tfx_is_imported(attempt):
    code, events = attempt(1, {argo.pod_name("Node", 0): refusal()})
    assert (code, [event["event"] for event in events]) == (2, ["started", "failed"])
    assert (events[-1]["reason"], events[-1]["error_code"], events[-1]["settled"]) == (REASON, "data-no-images", True)


def test_a_gates_refusal_stays_one(attempt):
    log = refusal(event="refused", reason="eer is worse", error_code=None)
    code, events = attempt(1, {argo.pod_name("Node", 0): log})
    assert (code, events[-1]["event"], events[-1]["reason"]) == (3, "refused", "eer is worse")


@pytest.mark.parametrize(
    ("log", "why"),
    [
        (refusal(settled=False), "may pass"),
        (refusal(age=timedelta(hours=2)), "too old"),
        (refusal(age=timedelta(minutes=1), first="2026-01-01T00:00:00+00:00"), "the first one is too old"),
        (json.dumps({"event": "started", "node": "Node"}), "killed"),
        (refusal() + json.dumps({"event": "terminated", "reason": "SIGTERM"}), "terminated"),
    ],
)
def test_another_end_of_the_attempt_before_counts_for_nothing(attempt, log, why):
    code, events = attempt(1, {argo.pod_name("Node", 0): log})
    assert (code, "TFX was imported" in events[-1]["reason"]) == (1, True), why


@pytest.mark.parametrize("variables", [{}, {"KFP_RETRY_INDEX": "0"}])
def test_a_first_attempt_looks_for_nothing(attempt, tmp_path, variables):
    """As after a person has started the failed nodes of a run again: logs of the time before are there."""
    written(tmp_path, "executor-logs")
    code, _ = attempt(0, {argo.pod_name("Node", number): refusal() for number in range(3)}, **variables)
    assert code == 1


def test_where_the_pod_is_gone_its_uploaded_log_counts(attempt, tmp_path):
    written(tmp_path, "executor-logs-1")
    for number, code in ((2, 2), (3, 1)):
        assert attempt(number, {}, log=f"executor-logs-{number}", KFP_RETRY_INDEX=str(number))[0] == code
    assert attempt(2, {}, uuid="of other inputs", log="executor-logs-2", KFP_RETRY_INDEX="2")[0] == 1


def test_with_keys_for_the_root_the_refusal_is_beside_the_outputs(attempt, tmp_path):
    folder = tmp_path / "root" / "p" / "r" / "Node" / "uuid"
    folder.mkdir(parents=True)
    (folder / "refused.json").write_text(refusal())
    root = f"file://{tmp_path}/root"
    assert attempt(1, {}, root)[0] == 2
    assert attempt(1, {}, root, uuid="of other inputs")[0] == 1
