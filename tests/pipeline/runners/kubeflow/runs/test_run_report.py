"""``siamese kubeflow report``: the page that a run drew, or one of what a failed run left in the pipeline root."""

import json

import pytest
from kfp_api.argo import pod_name

from components.run_outcome.verdict import VERDICT_FILE

REASON = "CollapseError: every distance is 0"


@pytest.fixture
def ended(server, ask, pipeline_file):
    """The id of a run that ended in a frame, with the logs of its pods."""

    def made(state, nodes, root, logs=None):
        server.set(frames=[{"state": state, "nodes": nodes}], logs=logs or {})
        request = {"file": str(pipeline_file()), "name": "n", "experiment": "e", "parameters": {}}
        _, last = ask("start", **request, pipeline_root=root, service_account=None, follow=False)
        return last["result"]["run_id"]

    return made


def write(root, run_id, node, key, name, content):
    folder = root / "faces" / run_id / node / "uuid" / key
    folder.mkdir(parents=True)
    (folder / name).write_text(content)


ALL = {"ImageExampleGen": ["succeeded"], "NewData": ["succeeded"], "Trainer": ["succeeded"], "Outcome": ["succeeded"]}


def test_the_page_of_a_run_that_came_to_its_end_is_fetched(siamese, ended, tmp_path):
    root = f"file://{tmp_path}/root"
    run_id = ended("SUCCEEDED", ALL, root)
    write(tmp_path / "root", run_id, "RunReport", "report", "report.html", "<p>drawn on the cluster</p>")
    code, out, _ = siamese("report", run_id, "--to", tmp_path / "page.html", "--poll", 0.1)
    assert (code, out.splitlines()[-1]) == (0, str(tmp_path / "page.html"))
    assert (tmp_path / "page.html").read_text() == "<p>drawn on the cluster</p>"


def test_a_run_that_failed_explains_itself(siamese, ended, tmp_path):
    event = {"event": "failed", "node": "Trainer", "reason": REASON, "mend": None}
    nodes = {"ImageExampleGen": ["succeeded"], "Trainer": ["failed"]}
    run_id = ended("FAILED", nodes, f"file://{tmp_path}/root", {pod_name("Trainer", 0): json.dumps(event) + "\n"})
    split = {"images": 40, "identities": 12}
    counts = {"images": 40, "identities": 12, "quarantined": 1, "unreadable": 1, "splits": {"train": split}}
    write(tmp_path / "root", run_id, "ImageExampleGen", "report", "counts.json", json.dumps(counts))
    gates = {"gates": [{"name": "anomalies", "passed": True, "reason": "no anomaly in the images"}]}
    write(tmp_path / "root", run_id, "AnomalyGate", "verdict", VERDICT_FILE, json.dumps(gates))

    code, _, _ = siamese("report", run_id, "--to", tmp_path / "page.html", "--poll", 0.1)
    page = (tmp_path / "page.html").read_text()
    assert code == 0
    assert "The run failed in Trainer. Nothing was pushed." in page
    assert REASON in page
    assert "no anomaly in the images" in page
    assert "1 files were not used: 1 unreadable" in page
    assert "Time and memory" in page


OUTCOME = {"event": "outcome", "node": "Outcome", "name": "faces", "run_id": "r"}


@pytest.mark.parametrize(
    ("status", "reported"),
    [
        ({"status": "pushed", "pushed_version": 7}, "it serves as version 7"),
        ({"status": "refused"}, "This model must not be used"),
    ],
)
def test_a_run_whose_page_is_gone_is_reported_by_its_outcome(siamese, ended, tmp_path, status, reported):
    log = json.dumps({**OUTCOME, **status}) + "\n"
    run_id = ended("SUCCEEDED", ALL, f"file://{tmp_path}/root", {pod_name("Outcome", 0): log})
    code, _, _ = siamese("report", run_id, "--to", tmp_path / "page.html", "--poll", 0.1)
    page = (tmp_path / "page.html").read_text()
    assert code == 0
    assert reported in page
    assert "seed" not in page.partition("<!--/run-->")[0].partition("<!--run-->")[2]  # of a configuration not known


def test_a_run_that_left_nothing_is_one_line(siamese, ended, tmp_path):
    run_id = ended("SUCCEEDED", ALL, f"file://{tmp_path}/root")
    code, _, err = siamese("report", run_id, "--to", tmp_path / "page.html", "--poll", 0.1)
    assert (code, err.count("\n")) == (2, 1)
    assert "[kubeflow-no-outcome]" in err


def test_a_root_that_cannot_be_read_is_one_line(siamese, ended, tmp_path):
    run_id = ended("SUCCEEDED", ALL, "nonsense://bucket/root")
    code, _, err = siamese("report", run_id, "--to", tmp_path / "page.html", "--poll", 0.1)
    assert code == 2
    assert "nonsense://bucket/root: cannot be read from here" in err
    assert not (tmp_path / "page.html").exists()
