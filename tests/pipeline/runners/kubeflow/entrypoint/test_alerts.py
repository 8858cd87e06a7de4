"""A pod that fails for good: recorded in the pipeline root, sent to the webhook once per run."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from webhook_receiver import webhook_server

from components.run_outcome.settings import AlertSettings, FailureAlerts
from components.run_outcome.verdict import Outcome
from models.errors import UserError
from pipeline.runners.kubeflow.entrypoint import alerts
from pipeline.runners.kubeflow.entrypoint.events import Events
from pipeline.runners.kubeflow.runs.run_artifacts import read_gates, read_outcome

DEFECT, WRONG = RuntimeError("no luck"), UserError("photos/a.jpg: is no image", "data-no-images")


@pytest.fixture
def receiver():
    with webhook_server() as server:
        yield server


def executor_input(root: str, node: str = "Trainer") -> str:
    uri = f"{root}/faces/r1/{node}/uuid/model"
    return json.dumps({"outputs": {"artifacts": {"model": {"artifacts": [{"uri": uri}]}}}})


def settings(receiver, attempts: int = 3, on: tuple[str, ...] = ("failed",)) -> str:
    alerting = AlertSettings(webhook=receiver.address, on=on)
    return FailureAlerts(pipeline="faces", attempts=attempts, alerts=alerting).model_dump_json()


@pytest.fixture
def fail(receiver, tmp_path):
    """One failed attempt of a node; returns how many alerts there are so far."""

    def failed(error: Exception, node: str = "Trainer", root: str = f"file://{tmp_path}/store", **options) -> int:
        outcome = Outcome.of_error(error, run_id="", failed_component=node)
        about = settings(receiver, **options), executor_input(root, node)
        alerts.record_attempt(node, *about)
        alerts.alert(outcome, *about, Events(node, io.StringIO()))
        return len(receiver.received)

    return failed


def test_a_defect_is_sent_after_the_last_attempt_and_once_per_run(fail, receiver, tmp_path):
    assert [fail(DEFECT) for _ in range(3)] == [0, 0, 1]
    assert [fail(DEFECT, "Evaluator") for _ in range(3)] == [1, 1, 1]
    ((_, body),) = receiver.received
    assert (
        body["outcome"].items()
        >= {
            "name": "faces",
            "run_id": "r1",
            "status": "failed",
            "failed_component": "Trainer",
            "error": "RuntimeError: no luck",
            "error_code": None,
        }.items()
    )
    assert body["look"] == {"run": f"file://{tmp_path}/store/faces/r1"}
    written = read_outcome(f"file://{tmp_path}/store", "faces", "r1")  # what `follow` shows without the pods' logs
    assert (written.status, written.exit_code, written.failed_component) == ("failed", 1, "Trainer")


def test_an_attempt_that_was_killed_counts(fail, receiver, tmp_path):
    for _ in range(2):  # each began, and nothing was left of it to report its end
        alerts.record_attempt("Trainer", settings(receiver), executor_input(f"file://{tmp_path}/store"))
    assert fail(DEFECT) == 1


def test_gates_that_were_reached_before_are_in_the_alert(fail, receiver, tmp_path):
    verdict = tmp_path / "store" / "faces" / "r1" / "AnomalyGate" / "uuid" / "verdict" / "verdict.json"
    verdict.parent.mkdir(parents=True)
    verdict.write_text(json.dumps({"gates": [{"name": "anomalies", "passed": True, "reason": "no anomaly"}]}))
    assert fail(WRONG) == 1
    assert [gate["name"] for gate in receiver.received[0][1]["outcome"]["gates"]] == ["anomalies"]
    assert [gate.name for gate in read_outcome(f"file://{tmp_path}/store", "faces", "r1").gates] == ["anomalies"]
    assert [gate.name for gate in read_gates(f"file://{tmp_path}/store", "faces", "r1")] == ["anomalies"]


def test_a_users_error_is_sent_at_once_and_not_again(fail, receiver):
    assert [fail(WRONG) for _ in range(3)] == [1, 1, 1]
    assert receiver.received[0][1]["outcome"]["error_code"] == "data-no-images"


def test_a_users_error_that_may_pass_is_sent_after_the_last_attempt(fail):
    assert [fail(UserError("gs://bucket: no answer", "model-unreachable")) for _ in range(3)] == [0, 0, 1]


def test_without_the_root_each_attempt_is_sent_and_says_so(fail, receiver):
    assert [fail(DEFECT, root="nonsense://store") for _ in range(2)] == [1, 2]
    assert "may be tried again" in receiver.received[0][1]["text"]
    assert fail(WRONG, root="nonsense://store") == 3
    assert "may be tried again" not in receiver.received[2][1]["text"]


def test_nobody_is_notified_without_failed_in_alerts_on(fail, tmp_path):
    assert fail(WRONG, on=("refused",)) == 0
    assert read_outcome(f"file://{tmp_path}/store", "faces", "r1").status == "failed"


def test_a_webhook_that_fails_is_in_the_log(receiver, tmp_path):
    receiver.codes = [404]
    log = io.StringIO()
    outcome = Outcome.of_error(WRONG, run_id="", failed_component="Trainer")
    alerts.alert(outcome, settings(receiver), executor_input(str(tmp_path)), Events("Trainer", log))
    event = json.loads(log.getvalue().splitlines()[-1])
    assert (event["event"], event["sent"]) == ("alert", False)
    assert "404" in event["reason"]


@pytest.mark.parametrize(("executor", "code"), [("Refuser", 2), ("Breaker", 1), ("Sleeper", 143)])
def test_a_pod_sends_what_failed_and_ends_as_before(receiver, tmp_path, executor, code):
    given = json.loads(executor_input(str(tmp_path)))
    given["outputs"]["outputFile"] = str(tmp_path / "output.json")
    command = [sys.executable, "-m", "pipeline.runners.kubeflow.entrypoint", "--node", "Trainer"]
    command += ["--executor_class_path", f"step_executors.{executor}"]
    types = {"inputs": {}, "outputs": {"model": "tfx.types.standard_artifacts.Model"}}
    command += ["--artifact_types", json.dumps(types)]
    command += ["--json_serialized_invocation_args", json.dumps(given), "--alerts", settings(receiver, attempts=1)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    ((_, body),) = receiver.received
    assert (body["outcome"]["failed_component"], body["outcome"]["run_id"]) == ("Trainer", "r1")
