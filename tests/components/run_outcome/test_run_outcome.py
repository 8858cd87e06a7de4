import http.server
import json
import logging
import threading
from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from components.run_outcome import executor, webhook
from components.run_outcome.artifacts import RunOutcome
from components.run_outcome.gate_result import GateResult
from components.run_outcome.gate_verdict import GateVerdict, write_verdict
from components.run_outcome.outcome import OUTCOME_FILE, Outcome, push_gates, webhook_body
from components.run_outcome.settings import AlertSettings
from models.errors import GateRefusal, UserError
from pipeline.config import load_config

FLOORS = GateResult(name="floors", passed=True, reason="every floor is reached")
BASELINE = GateResult(name="baseline accuracy", passed=False, reason="0.91 against 0.95")


class Receiver(http.server.BaseHTTPRequestHandler):
    """Answers with the next of the server's codes, and keeps what was sent."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, json.loads(body)))
        self.send_response(self.server.codes.pop(0))
        self.end_headers()

    def log_message(self, format, *args):  # noqa: A002
        pass


@pytest.fixture
def receiver():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.received, server.codes = [], [200] * 3
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.address = f"http://127.0.0.1:{server.server_port}/hook"
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the node on verdicts and a push; returns the artifact."""
    monkeypatch.setattr(executor, "limits_gate", lambda uri: FLOORS)  # TFMA's file has tests of its own

    def ran(gates: list[GateResult], alerts: AlertSettings | None = None, **pushed) -> RunOutcome:
        inputs = {"evaluation": [standard_artifacts.ModelEvaluation()], "pushed_model": [model(**pushed)]}
        for key, told in (("gate_verdict", gates), ("infra_verdict", [])):
            verdict = GateVerdict()
            verdict.uri = str(tmp_path / key)
            write_verdict(verdict, told)
            inputs[key] = [verdict]
        outcome = RunOutcome()
        outcome.uri = str(tmp_path / "outcome")
        properties = {"pipeline_name": "faces", "run_id": "r7"}
        properties["alerts"] = (alerts or AlertSettings()).model_dump_json()
        executor.Executor().Do(inputs, {"outcome": [outcome]}, properties)
        return outcome

    return ran


def model(pushed: int = 0, already_serving: int = 0, version: str = "", declined: str = ""):
    artifact = standard_artifacts.PushedModel()
    artifact.set_int_custom_property("pushed", pushed)
    artifact.set_int_custom_property("already_serving", already_serving)
    artifact.set_string_custom_property("pushed_version", version)
    artifact.set_string_custom_property("declined", declined)
    return artifact


def written(artifact: RunOutcome) -> dict:
    return json.loads((Path(artifact.uri) / OUTCOME_FILE).read_text())


def test_a_push_is_written_down_with_every_gate(run):
    outcome = run([BASELINE.model_copy(update={"passed": True})], pushed=1, version="42")

    assert written(outcome) == {
        "name": "faces",
        "run_id": "r7",
        "status": "pushed",
        "already_serving": False,
        "pushed_version": 42,
        "gates": [FLOORS.model_dump(), {**BASELINE.model_dump(), "passed": True}],
    }
    assert outcome.get_string_custom_property("status") == "pushed"
    assert outcome.get_string_custom_property("sentence") == "faces: run r7 pushed version 42"


def test_a_refusal_says_why(run, caplog):
    with caplog.at_level(logging.INFO, "siamese.outcome"):
        outcome = run([BASELINE])

    assert outcome.get_string_custom_property("sentence") == (
        "faces: run r7 was refused, what served before still serves: baseline accuracy: 0.91 against 0.95"
    )
    record = next(record for record in caplog.records if record.name == "siamese.outcome")
    assert (record.event, record.details["status"]) == ("outcome", "refused")


def test_a_model_that_serves_already_is_no_refusal(run):
    outcome = written(run([BASELINE], already_serving=1, version="42"))

    assert (outcome["status"], outcome["already_serving"], outcome["pushed_version"]) == ("pushed", True, 42)


def test_a_push_that_was_declined_is_a_refusal_of_its_own(run):
    outcome = written(run([], declined="another version came to serve"))

    assert outcome["status"] == "refused"
    assert outcome["gates"][-1] == {"name": "push", "passed": False, "reason": "another version came to serve"}
    assert push_gates([FLOORS], "") == [FLOORS]


@pytest.mark.parametrize(
    ("status", "on", "told"),
    [
        ({"pushed": 1, "version": "1"}, ("refused",), False),
        ({"pushed": 1, "version": "1"}, ("refused", "pushed"), True),
        ({"already_serving": 1, "version": "1"}, ("pushed",), False),
        ({"already_serving": 1, "version": "1"}, ("serving",), True),
        ({}, ("refused",), True),
    ],
)
def test_only_what_somebody_wants_to_hear_is_told(run, receiver, status, on, told):
    outcome = run([], AlertSettings(webhook=receiver.address, on=on), **status)

    assert len(receiver.received) == told
    if told:
        path, body = receiver.received[0]
        assert path == "/hook"
        assert body == {"text": outcome.get_string_custom_property("sentence"), "outcome": written(outcome)}


def test_an_address_may_be_a_secret(run, receiver, monkeypatch):
    monkeypatch.setenv("HOOK", receiver.address)
    run([], AlertSettings(webhook="env:HOOK"))

    assert len(receiver.received) == 1


def test_a_receiver_that_fails_is_tried_again(receiver):
    receiver.codes = [503, 500, 204]

    assert webhook.send(receiver.address, {"a": 1}, wait=0)
    assert len(receiver.received) == 3


@pytest.mark.parametrize(("codes", "calls"), [([404], 1), ([500, 500, 500], 3)])
def test_a_receiver_that_refuses_fails_no_run(receiver, caplog, codes, calls):
    receiver.codes = list(codes)

    assert not webhook.send(receiver.address, {}, wait=0)
    assert len(receiver.received) == calls
    assert f"nobody was told: it answered {codes[0]}" in caplog.text


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/secret-token", "http://[secret-token", "env:NO_SUCH_NAME"])
def test_nobody_there_fails_no_run_and_shows_no_secret(address, caplog):
    assert not webhook.send(address, {}, wait=0)
    assert "nobody was told" in caplog.text
    assert "secret-token" not in caplog.text


def test_the_gate_fails_a_refused_run_and_no_other(run):
    gate = executor.GateExecutor()
    with pytest.raises(GateRefusal, match="faces: run r7 was refused"):
        gate.Do({"outcome": [run([BASELINE])]}, {}, {})
    gate.Do({"outcome": [run([], pushed=1, version="42")]}, {}, {})


def test_a_refusal_without_a_gate_that_refused_says_so():
    body = webhook_body(Outcome(name="faces", run_id="r7", status="refused"))

    assert body["text"].endswith("still serves: it was not blessed")


@pytest.mark.parametrize("address", ["ftp://x/y", "hooks.example/x", "env:", "env:A B"])
def test_a_wrong_address_is_refused_at_the_edge(address):
    with pytest.raises(UserError, match=r"alerts\.webhook: got "):
        load_config(overrides=[f"alerts.webhook='{address}'"])
