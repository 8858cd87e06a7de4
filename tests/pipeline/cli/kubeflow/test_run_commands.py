"""``siamese kubeflow submit``, ``follow`` and ``stop`` as their users call them, against a server on this machine."""

import json
import os
import re
import signal
import subprocess
import sys

import kfp_api
import pytest
from kfp_api.argo import pod_name

GATES = [
    {"name": "limits", "passed": True, "reason": "auc 0.99 is at least 0.9"},
    {"name": "improvement", "passed": False, "reason": "eer is 0.02 worse than the served model's"},
]
PUSHED = {"status": "pushed", "pushed_version": 7, "gates": GATES[:1]}
REFUSED = {"status": "refused", "gates": GATES}


def outcome(**fields):
    """The log of the node Outcome, with what else stands in a pod's log."""
    event = {"time": "2026-11-23T03:00:00", "event": "outcome", "node": "Outcome", "name": "faces", "run_id": "r"}
    return "I1123 launcher_v2.go:94] input ComponentSpec: {...}\n{not json\n" + json.dumps({**event, **fields}) + "\n"


def failure(node, reason, **fields):
    event = {"event": "failed", "node": node, "reason": reason, "error_code": None, **fields}
    return json.dumps({"event": "started", "node": node}) + "\n" + json.dumps(event) + "\n"


def skipped(reason):
    return json.dumps({"event": "skipped", "node": "NewData", "reason": reason}) + "\n"


ALL = {"ImageExampleGen": ["cached"], "Trainer": ["failed", "succeeded"], "Outcome": ["succeeded"]}


def test_a_run_is_started_followed_and_pushed(siamese, server, pipeline_file):
    server.set(
        frames=[
            {"state": "PENDING", "nodes": {}},
            {"state": "RUNNING", "nodes": {"ImageExampleGen": ["cached"]}},
            {"state": "RUNNING", "nodes": {"ImageExampleGen": ["cached"], "Trainer": ["running"]}},
            {"state": "RUNNING", "nodes": {"ImageExampleGen": ["cached"], "Trainer": ["failed", "running"]}},
            {"state": "SUCCEEDED", "nodes": ALL},
        ],
        logs={
            pod_name("Trainer", 0): failure("Trainer", "ResourceExhaustedError: out of memory"),
            pod_name("Outcome", 0): outcome(**PUSHED),
        },
        rules=[{"call": "GET .*/runs/[^/]+", "do": 503, "after": 2, "times": 2}],  # a gap while it is followed
    )
    code, out, err = siamese(
        *("submit", pipeline_file(), "--poll", 0.1, "--parameter", "ignore_baseline=7", "--name", "tonight"),
        *("--experiment", "faces", "--service-account", "trainer", "--pipeline-root", "s3://other/root"),
    )
    assert (code, err) == (0, "")
    (run,) = server.set()["runs"]
    assert out.splitlines()[0] == f"run {run['run_id']}  {server.address}/#/runs/details/{run['run_id']}"
    assert re.findall(r"^(?:[✓✗↻] .*|\S+: the server failed.*|connected again)$", out, re.MULTILINE) == [
        "✓ ImageExampleGen         0 s  as in an earlier run",
        f"{server.address}: the server failed (503): rule 503; trying again ...",
        "connected again",
        "↻ Trainer            attempt 1 failed: ResourceExhaustedError: out of memory",
        "✓ Trainer                65 s  attempt 2",
        "✓ Outcome                65 s",
    ]
    assert re.search(r"limits +passed +auc 0.99 is at least 0.9", out)
    assert out.rstrip().endswith("Pushed as version 7")

    assert run["runtime_config"] == {"parameters": {"ignore_baseline": 7}, "pipeline_root": "s3://other/root"}
    assert (run["display_name"], run["service_account"]) == ("tonight", "trainer")
    assert [one["display_name"] for one in server.set()["experiments"]] == ["faces"]
    assert run["pipeline_spec"]["pipeline_spec"]["pipelineInfo"] == {"name": "faces"}
    assert run["pipeline_spec"]["platform_spec"]["platforms"]["kubernetes"]["deploymentSpec"]
    assert server.set()["pipelines"] == [], "nothing is uploaded"


@pytest.mark.parametrize(
    ("frame", "logs", "code", "last_line"),
    [
        (
            {"state": "FAILED", "nodes": {**ALL, "OutcomeGate": ["failed"]}},
            {pod_name("Outcome", 0): outcome(**REFUSED)},
            3,
            "Refused: nothing was pushed; what served before still serves.",
        ),
        (
            {"state": "FAILED", "nodes": {"ImageExampleGen": ["failed", "failed", "failed"]}},
            {
                pod_name("ImageExampleGen", 2): failure(
                    "ImageExampleGen", "/data: no images", error_code="data-no-images"
                )
            },
            2,
            "Failed in ImageExampleGen: /data: no images [data-no-images]",
        ),
        (
            {"state": "FAILED", "nodes": {"ImageExampleGen": ["succeeded"], "Trainer": ["driver failed"]}},
            {},
            1,
            "Failed in Trainer: it was never started: see the log of its driver",
        ),
        (
            {"state": "SUCCEEDED", "nodes": {"NewData": ["succeeded"], "Trainer": ["skipped"], "Outcome": ["omitted"]}},
            {pod_name("NewData", 0): skipped("3 new images since version 7, 50 required: what serves still serves")},
            0,
            "Skipped: 3 new images since version 7, 50 required: what serves still serves",
        ),
        (
            {"state": "SUCCEEDED", "nodes": {"NewData": ["succeeded"], "Trainer": ["skipped"], "Outcome": ["omitted"]}},
            {},
            0,
            "Skipped: its conditions do not hold: see the log of NewData",
        ),
        ({"state": "CANCELED", "nodes": {}}, {}, 1, "Failed: the run is canceled; see its page"),
        (
            {"state": "FAILED", "nodes": {}, "error": "the workflow could not be made"},
            {},
            1,
            "Failed: the workflow could not be made",
        ),
    ],
)
def test_how_a_run_ended_is_the_exit_code(siamese, ask, server, pipeline_file, frame, logs, code, last_line):
    server.set(frames=[frame], logs=logs)
    request = {"file": str(pipeline_file()), "name": "n", "experiment": "e", "parameters": {}, "pipeline_root": None}
    _, last = ask("start", **request, service_account=None, follow=False)
    found, out, _ = siamese("follow", last["result"]["run_id"], "--poll", 0.1)
    assert (found, out.rstrip().splitlines()[-1]) == (code, last_line)
    if code == 3:
        assert re.search(r"improvement +refused +eer is 0.02 worse than the served model's", out)


def test_ctrl_c_lets_go_of_a_run_that_goes_on(server, pipeline_file, tmp_path):
    server.set(frames=[{"state": "RUNNING", "nodes": {"ImageExampleGen": ["running"]}}])
    command = [sys.executable, "-m", "pipeline", "kubeflow", "submit", pipeline_file(), "--host", server.address]
    process = subprocess.Popen(
        [*command, "--poll", "0.1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(tmp_path), "COLUMNS": "200"},
        cwd=kfp_api.ROOT,
        start_new_session=True,
    )
    first = process.stdout.readline()
    run_id = first.split()[1]
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.splitlines() == [
        "No longer followed; the run goes on.",
        f"  siamese kubeflow follow {run_id}",
        f"  siamese kubeflow stop {run_id}",
    ]
    assert server.set()["runs"][0]["state"] in ("PENDING", "RUNNING")
    assert not server.calls("POST", ":terminate")


def test_a_run_is_stopped(siamese, ask, server, pipeline_file):
    request = {"file": str(pipeline_file()), "name": "n", "experiment": "e", "parameters": {}, "pipeline_root": None}
    run_id = ask("start", **request, service_account=None, follow=False)[1]["result"]["run_id"]
    code, out, _ = siamese("stop", run_id)
    assert (code, out) == (0, f"run {run_id} is being stopped\n")
    assert server.set()["runs"][0]["state"] == "CANCELING"


def test_a_server_that_stays_silent_is_given_up(ask, server, pipeline_file):
    server.set(rules=[{"call": "GET .*/runs/.*", "do": "drop"}])
    code, last = ask("follow", run_id="r", poll=0.01, patience=0.05)
    assert code == 1
    assert last["error"].endswith("gave up after 0.05 seconds")


def test_a_configuration_is_compiled_and_started(siamese, server, tmp_path):
    """With TFX, and with nothing but the configuration."""
    config = tmp_path / "faces.yaml"
    config.write_text(
        "name: faces\n"
        "data: {source: /data/faces}\n"
        "push: {serving_dir: /serving/faces}\n"
        "kubeflow:\n"
        "  pipeline_root: s3://bucket/root\n"
        "  service_account: trainer\n"
        "  experiment: nightly\n"
        "  volumes: [{claim: images, path: /data}, {claim: serving, path: /serving}]\n"
    )
    code, out, _ = siamese("submit", "--config", config, "--image", "registry/siamese:1", "--no-follow")
    assert code == 0
    (run,) = server.set()["runs"]
    assert out.splitlines()[-1] == f"siamese kubeflow follow {run['run_id']}"
    spec = run["pipeline_spec"]["pipeline_spec"]
    assert "Trainer" in spec["root"]["dag"]["tasks"]
    assert {one["container"]["image"] for one in spec["deploymentSpec"]["executors"].values()} == {"registry/siamese:1"}
    assert run["runtime_config"]["pipeline_root"] == "s3://bucket/root"
    assert run["service_account"] == "trainer"
    assert [one["display_name"] for one in server.set()["experiments"]] == ["nightly"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), "--config) [kubeflow-no-pipeline]"),
        (("none.yaml",), "none.yaml: "),
        (("FILE", "--image", "i"), "[config-conflicting-options]"),
        (("FILE", "--parameter", "epochs=3"), "data_root, ignore_baseline"),
    ],
)
def test_what_cannot_be_submitted_is_refused_before_any_request(siamese, server, pipeline_file, arguments, named):
    code, out, err = siamese("submit", *(pipeline_file() if word == "FILE" else word for word in arguments))
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert named in err
    assert server.calls() == []


def test_a_file_that_would_not_run_is_not_sent(siamese, server, pipeline_file):
    file = pipeline_file()
    file.write_text(file.read_text().replace("schemaVersion: 2.1.0", "schemaVersion: 2.0.0"))
    code, out, err = siamese("submit", file)
    assert (code, out) == (2, "")
    assert "2.1.0" in err
    assert err.endswith("[kubeflow-not-runnable]\n")
    assert server.calls() == []
    code, _, err = siamese("submit", file, "--no-check")
    assert (code, "unsupported schema version" in err) == (2, True), "the server refuses it"


def test_without_the_environment_the_error_names_the_command_that_creates_it(siamese, pipeline_file, monkeypatch):
    monkeypatch.setenv("SIAMESE_KUBEFLOW_PYTHON", "/nowhere/python")
    code, _, err = siamese("submit", pipeline_file())
    assert code == 2
    assert "/nowhere/python" in err
    assert "[kubeflow-no-client]" in err


def test_a_broken_environment_is_reported(siamese, pipeline_file, monkeypatch):
    monkeypatch.setenv("SIAMESE_KUBEFLOW_PYTHON", sys.executable)  # one without the SDK
    code, _, err = siamese("submit", pipeline_file())
    assert code == 1
    assert "(exit code 1)" in err
    assert "ModuleNotFoundError" in err
    assert err.count("\n") == 1


def test_a_server_that_fails_is_one_line_and_exit_code_1(siamese, server, pipeline_file):
    server.set(rules=[{"call": "POST .*/runs", "do": 500}])
    code, out, err = siamese("submit", pipeline_file())
    assert (code, out) == (1, "")
    assert err == f"error: {server.address}: the server failed (500): rule 500 [kubeflow-server-error]\n"
