"""The verdict of a run where the API server, as that of a standalone installation, has no log of any pod."""

import json

import pytest
import yaml
from kfp_api.argo import driver_pod, pod_name

GATES = [{"name": "pairs", "passed": True, "reason": "1,144 test pairs"}]
PUSHED = {
    "event": "outcome",
    "node": "Outcome",
    "name": "faces",
    "run_id": "r",
    "status": "pushed",
    "pushed_version": 7,
}
NODES = {"ImageExampleGen": ["succeeded"], "Trainer": ["failed", "succeeded"], "Outcome": ["succeeded"]}
ROOT = "minio://mlpipeline/siamese"


@pytest.fixture(params=[False, True], ids=["plain names", "names with a retry of every template"])
def nested(request, server):
    server.set(nested=request.param)
    return request.param


@pytest.fixture
def ended(server, ask, pipeline_file):
    """The id of a run that ended, on a server that cannot read a pod's log."""

    def made(state, nodes, root=ROOT, **order):
        frame = {"state": state, "nodes": nodes, **order.pop("frame", {})}
        server.set(standalone=True, frames=[frame], **order)
        request = {"file": str(pipeline_file()), "name": "n", "experiment": "e", "parameters": {}}
        return ask("start", **request, pipeline_root=root, service_account=None, follow=False)[1]["result"]["run_id"]

    return made


@pytest.fixture
def kubeconfig(server, monkeypatch, tmp_path):
    """kubectl's configuration, for the server."""
    file = tmp_path / "kubeconfig"
    names = {"cluster": {"server": server.address}, "user": {}, "context": {"cluster": "c", "user": "u"}}
    sections = {f"{kind}s": [{"name": kind[0], kind: one}] for kind, one in names.items()}
    file.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", "current-context": "c", **sections}))
    monkeypatch.setenv("KUBECONFIG", str(file))
    server.set(kubernetes=True)


def failure(node, **fields):
    return json.dumps({"event": "failed", "node": node, "error_code": None, **fields}) + "\n"


@pytest.mark.parametrize("workflows", [False, True], ids=["names computed", "names from Argo's workflow"])
def test_the_uis_server_reads_logs_without_any_key(siamese, ended, nested, workflows):
    logs = {
        pod_name("Trainer", 0, nested): failure("Trainer", reason="no luck"),
        pod_name("Outcome", 0, nested): json.dumps(PUSHED),
    }
    run = ended("SUCCEEDED", NODES, ui="2.5", logs=logs, workflows=workflows)
    code, out, _ = siamese("follow", run, "--poll", 0.1)
    assert (code, out.rstrip().splitlines()[-1]) == (0, "Pushed as version 7")
    assert "attempt 1 failed: no luck" in out
    assert "the UI's server http" in out


@pytest.mark.parametrize(
    ("root", "version"), [(ROOT, "2.17"), ("s3://bucket/root", "2.17"), ("gs://bucket/root", "2.5")]
)
def test_the_uis_server_reads_the_outcome_where_the_pod_is_gone(siamese, ended, server, root, version):
    run = ended("SUCCEEDED", NODES, root, ui=version)
    folder = f"{root.replace('://', '/')}/faces/{run}/Outcome/uuid"
    files = {"outcome/outcome.json": json.dumps(PUSHED), "executor-logs-0": "{}", "outcome-other/outcome.json": "{"}
    server.set(objects={f"{folder}/{name}": content for name, content in files.items()})
    code, out, _ = siamese("follow", run, "--poll", 0.1)
    assert (code, out.rstrip().splitlines()[-1]) == (0, "Pushed as version 7")
    assert "the UI's server" in out


def test_a_failure_in_the_root_is_read_through_the_ui(siamese, ended, server):
    run = ended("FAILED", {"ImageExampleGen": ["failed"]}, ui="2.17")
    failed = {"name": "faces", "run_id": run, "status": "failed", "error": "no images", "error_code": "data-no-images"}
    path = f"minio/mlpipeline/siamese/faces/{run}/failed/outcome.json"
    server.set(objects={path: json.dumps({**failed, "failed_component": "ImageExampleGen", "gates": GATES})})
    code, out, _ = siamese("follow", run, "--poll", 0.1)
    last = "Failed in ImageExampleGen: no images [data-no-images]"
    assert (code, out.rstrip().splitlines()[-1]) == (2, last)
    assert "1,144 test pairs" in out


def test_kubectls_configuration_is_next(siamese, ended, nested, kubeconfig):
    run = ended("SUCCEEDED", NODES, logs={pod_name("Outcome", 0, nested): json.dumps(PUSHED)})
    code, out, _ = siamese("follow", run, "--poll", 0.1)
    assert (code, out.rstrip().splitlines()[-1]) == (0, "Pushed as version 7")
    assert "verdict from kubectl's configuration" in out


def test_keys_of_the_pipeline_root_are_last(siamese, ended, tmp_path):
    run = ended("SUCCEEDED", NODES, f"file://{tmp_path}/root", ui="2.17")
    folder = tmp_path / "root" / "faces" / run / "Outcome" / "uuid" / "outcome"
    folder.mkdir(parents=True)
    (folder / "outcome.json").write_text(json.dumps(PUSHED))
    code, out, _ = siamese("follow", run, "--poll", 0.1)
    assert (code, out.rstrip().splitlines()[-1]) == (0, "Pushed as version 7")
    assert f"verdict from the pipeline root file://{tmp_path}/root" in out


def test_a_run_that_succeeded_without_a_readable_verdict_has_an_exit_code_of_its_own(siamese, ended, nested):
    run = ended("SUCCEEDED", NODES, "nonsense://x", ui="2.17", workflows=True)
    code, out, _ = siamese("follow", run, "--poll", 0.1)
    assert code == 4
    verdict, command = out.rstrip().splitlines()[-2:]
    assert all(source in verdict for source in ("the UI's server", "the API server", "kubectl's", "pipeline root"))
    assert f"kubectl -n kubeflow logs {pod_name('Outcome', 0, nested)} -c main" in command


def test_a_login_page_in_front_of_the_ui_is_no_log(siamese, ended, server):
    run = ended("SUCCEEDED", NODES, "nonsense://x", rules=[{"call": "GET /k8s/.*", "do": "page"}])
    code, out, _ = siamese("follow", run, "--poll", 0.1)
    assert code == 4
    assert "login page" in out


@pytest.mark.parametrize("workflows", [False, True])
def test_a_node_that_was_never_started_shows_its_drivers_error(siamese, ended, nested, workflows):
    log = (
        "I1129 12:00:00.000000       1 main.go:119] Setting log level to: '1'\n"
        "F1129 12:00:01.000000       1 main.go:127] failed to resolve inputs: no such bucket: mlpipeline\n"
    )
    run = ended(
        "FAILED",
        {"ImageExampleGen": ["succeeded"], "Trainer": ["driver failed"]},
        ui="2.5",
        logs={driver_pod("Trainer", nested): log},
        workflows=workflows,
    )
    code, out, _ = siamese("follow", run, "--poll", 0.1)
    last = "Failed in Trainer: it was never started: failed to resolve inputs: no such bucket: mlpipeline"
    assert (code, out.rstrip().splitlines()[-1]) == (1, last)


def test_a_pod_without_a_word_shows_what_argo_says(siamese, ended, nested):
    run = ended(
        "FAILED",
        {"ImageExampleGen": ["failed", "failed"], "Trainer": ["driver failed"]},
        workflows=True,
        frame={
            "messages": {"ImageExampleGen(0)": "pod deleted", "ImageExampleGen(1)": "main: OOMKilled (exit code 137)"}
        },
    )
    code, out, _ = siamese("follow", run, "--poll", 0.1)
    assert code == 1
    assert "attempt 1 failed: pod deleted" in out
    assert "Failed in ImageExampleGen: main: OOMKilled (exit code 137)" in out


def test_what_the_launcher_could_not_do_is_the_reason(siamese, ended):
    log = (
        '{"event": "finished", "node": "Trainer"}\nF1129 12:00:01.000000 1 main.go:59] failed to upload: AccessDenied\n'
    )
    run = ended("FAILED", {"Trainer": ["failed"]}, ui="2.5", logs={pod_name("Trainer", 0): log})
    _, out, _ = siamese("follow", run, "--poll", 0.1)
    assert out.rstrip().splitlines()[-1] == "Failed in Trainer: failed to upload: AccessDenied"


@pytest.mark.parametrize("name", ["executor-logs-1", "executor-logs"])
def test_the_uploaded_log_of_a_node_outlives_its_pod(siamese, ended, server, name):
    run = ended("FAILED", {"Trainer": ["failed", "failed"]}, ui="2.17")
    folder = f"minio/mlpipeline/siamese/faces/{run}/Trainer/uuid"
    server.set(objects={f"{folder}/{name}": failure("Trainer", reason="no luck"), f"{folder}/executor-logs-0": "{}"})
    code, out, _ = siamese("follow", run, "--poll", 0.1)
    assert (code, out.rstrip().splitlines()[-1]) == (1, "Failed in Trainer: no luck")


@pytest.mark.parametrize("root", [ROOT, "gs://bucket/root"])
def test_the_report_is_fetched_through_the_ui(siamese, ended, server, tmp_path, root):
    run = ended("SUCCEEDED", NODES, root, ui="2.17")
    page = "<!doctype html><p>drawn on the cluster</p>"
    server.set(objects={f"{root.replace('://', '/')}/faces/{run}/RunReport/uuid/report/report.html": page})
    code, out, _ = siamese("report", run, "--to", tmp_path / "page.html", "--poll", 0.1)
    assert (code, out.splitlines()[-1]) == (0, str(tmp_path / "page.html"))
    assert (tmp_path / "page.html").read_text().strip() == page


def test_a_failed_run_is_reported_without_any_key(siamese, ended, tmp_path):
    logs = {pod_name("Trainer", 0): failure("Trainer", reason="CollapseError: every distance is 0")}
    nodes = {"ImageExampleGen": ["succeeded"], "Trainer": ["failed"]}
    run = ended("FAILED", nodes, "nonsense://x", ui="2.5", logs=logs)
    code, _, _ = siamese("report", run, "--to", tmp_path / "page.html", "--poll", 0.1)
    assert code == 0
    assert "CollapseError: every distance is 0" in (tmp_path / "page.html").read_text()
