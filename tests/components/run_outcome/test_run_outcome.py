"""The Outcome node: what it writes, whom it notifies, and when it fails the run."""

import contextlib
import json
import logging
from pathlib import Path

import pytest
from tfx.types import standard_artifacts
from webhook_receiver import webhook_server

from components.artifact_types import GateVerdict, RunOutcome
from components.run_outcome import executor, webhook
from components.run_outcome.artifacts import GATE_INPUTS, MOST_GATES, gate_channels, write_verdict
from components.run_outcome.settings import AlertSettings
from components.run_outcome.verdict import OUTCOME_FILE, GateResult, Outcome
from models.errors import GateRefusal, UserError
from pipeline.config import load_config

FLOORS = GateResult(name="floors", passed=True, reason="every floor is reached")
BASELINE = GateResult(name="baseline accuracy", passed=False, reason="0.91 against 0.95")


@pytest.fixture
def receiver():
    with webhook_server() as server:
        yield server


@pytest.fixture
def run(tmp_path):
    """Runs the node on one verdict for each gate and a push; returns the artifact."""

    def ran(gates: list[GateResult], alerts: AlertSettings | None = None, **pushed) -> RunOutcome:
        inputs = {"pushed_model": [model(**pushed)]}
        for key, gate in zip(GATE_INPUTS, [FLOORS, *gates], strict=False):
            verdict = GateVerdict()
            verdict.uri = str(tmp_path / key)
            write_verdict(verdict, [gate])
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


def test_a_push_is_written_with_every_gate(run):
    outcome = run([BASELINE.model_copy(update={"passed": True})], pushed=1, version="42")

    fields = written(outcome)
    assert fields["next_step"]
    assert {key: value for key, value in fields.items() if value is not None and key != "next_step"} == {
        "name": "faces",
        "run_id": "r7",
        "status": "pushed",
        "exit_code": 0,
        "sentence": "faces: run r7 pushed version 42",
        "already_serving": False,
        "pushed_version": 42,
        "gates": [FLOORS.model_dump(), {**BASELINE.model_dump(), "passed": True}],
    }
    assert outcome.get_string_custom_property("status") == "pushed"
    assert outcome.get_string_custom_property("sentence") == fields["sentence"]


def test_a_refusal_has_its_reasons(run, caplog):
    with caplog.at_level(logging.INFO, "siamese.outcome"):
        outcome = run([BASELINE])

    assert "baseline accuracy: 0.91 against 0.95" in outcome.get_string_custom_property("sentence")
    record = next(record for record in caplog.records if record.name == "siamese.outcome")
    assert (record.event, record.details["status"], record.details["exit_code"]) == ("outcome", "refused", 3)


def test_a_model_that_serves_already_is_no_refusal(run):
    outcome = written(run([BASELINE], already_serving=1, version="42"))

    assert (outcome["status"], outcome["already_serving"], outcome["pushed_version"]) == ("pushed", True, 42)


def test_a_push_that_was_declined_is_a_refusal_of_its_own(run):
    outcome = written(run([], declined="another version came to serve"))

    assert outcome["status"] == "refused"
    assert outcome["gates"][-1] == {"name": "push", "passed": False, "reason": "another version came to serve"}


@pytest.mark.parametrize(
    ("status", "on", "sent"),
    [
        ({"pushed": 1, "version": "1"}, ("refused",), False),
        ({"pushed": 1, "version": "1"}, ("refused", "pushed"), True),
        ({"already_serving": 1, "version": "1"}, ("pushed",), False),
        ({"already_serving": 1, "version": "1"}, ("serving",), True),
        ({}, AlertSettings().on, True),
    ],
)
def test_only_the_outcomes_of_alerts_on_are_sent(run, receiver, status, on, sent):
    outcome = run([], AlertSettings(webhook=receiver.address, on=on), **status)

    assert len(receiver.received) == sent
    if sent:
        path, body = receiver.received[0]
        assert path == "/hook"
        assert body == {
            "text": outcome.get_string_custom_property("sentence"),
            "outcome": written(outcome),
            "look": {},
        }


def test_an_address_may_be_a_secret(run, receiver, monkeypatch):
    monkeypatch.setenv("HOOK", receiver.address)
    run([], AlertSettings(webhook="env:HOOK"))

    assert len(receiver.received) == 1


def test_a_receiver_that_fails_is_tried_again(receiver):
    receiver.codes = [503, 500, 204]

    assert webhook.send(receiver.address, {"a": 1}, wait=0) is None
    assert len(receiver.received) == 3


@pytest.mark.parametrize(("codes", "calls"), [([404], 1), ([500, 500, 500], 3)])
def test_a_receiver_that_refuses_fails_no_run(receiver, codes, calls):
    receiver.codes = list(codes)

    assert str(codes[0]) in webhook.send(receiver.address, {}, wait=0)
    assert len(receiver.received) == calls


def test_what_was_not_sent_is_noted_on_the_outcome(run, receiver):
    receiver.codes = [404]
    outcome = run([BASELINE], AlertSettings(webhook=receiver.address))
    assert "404" in outcome.get_string_custom_property("alert")


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/secret-token", "http://[secret-token", "env:NO_SUCH_NAME"])
def test_an_unreachable_webhook_fails_no_run_and_shows_no_secret(address, caplog):
    why = webhook.send(address, {}, wait=0)
    assert "not sent" in why
    assert why in caplog.text
    assert "secret-token" not in caplog.text


def test_the_gate_fails_a_refused_run_and_no_other(run):
    gate = executor.GateExecutor()
    with pytest.raises(GateRefusal, match="faces: run r7 was refused"):
        gate.Do({"outcome": [run([BASELINE])]}, {}, {})
    gate.Do({"outcome": [run([], pushed=1, version="42")]}, {}, {})


def test_a_notification_says_where_to_look():
    body = webhook.webhook_body(Outcome(run_id="r7", status="refused"), {"summary": "/r7/summary.json"}, "Note")
    assert body["text"].endswith("it was not blessed. Note. See /r7/summary.json")
    assert body["look"] == {"summary": "/r7/summary.json"}


def test_more_gates_than_there_are_inputs_are_refused():
    class Node:
        def __init__(self):
            self.outputs = {"verdict": GateVerdictChannel}

    class GateVerdictChannel:
        type = GateVerdict

    assert len(gate_channels([Node()] * MOST_GATES)) == MOST_GATES
    with pytest.raises(ValueError, match=f"{MOST_GATES + 1} gates"):
        gate_channels([Node()] * (MOST_GATES + 1))


@pytest.mark.parametrize("address", ["ftp://x/y", "hooks.example/x", "env:", "env:A B"])
def test_a_wrong_address_is_refused_at_the_edge(address):
    with pytest.raises(UserError, match=r"alerts\.webhook: got "):
        load_config(overrides=[f"alerts.webhook='{address}'"])


@pytest.mark.parametrize(
    "variables",
    [
        {"SSL_CERT_FILE": "/gone/cacert.pem"},
        {"SSL_CERT_DIR": "/gone", "ALL_PROXY": "socks5://127.0.0.1:9"},
        {"ALL_PROXY": "nonsense"},
        {"https_proxy": "http://[bad"},
        *(
            {"HOOK": value}
            for value in ("", " \n", "hooks.example", "http://", "https://[x", "http://\0/", "http://h\n/")
        ),
    ],
)
def test_no_environment_makes_a_webhook_fail_a_run(run, monkeypatch, variables):
    for name, value in variables.items():
        if "\0" not in value:
            monkeypatch.setenv(name, value)
    monkeypatch.setattr(webhook.time, "sleep", lambda _: None)
    address = "env:HOOK" if "HOOK" in variables else "https://hook.invalid/secret-token"
    outcome = run([], AlertSettings(webhook=address, on=("pushed",)), pushed=1, version="42")
    assert written(outcome)["status"] == "pushed"
    assert "not sent" in outcome.get_string_custom_property("alert")
    assert "secret-token" not in outcome.get_string_custom_property("alert")


def test_a_webhook_that_answers_without_an_end_has_been_notified(receiver, monkeypatch):
    def endless(self):
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b"a" * 65536)

    monkeypatch.setattr(receiver.RequestHandlerClass, "do_POST", endless)
    assert webhook.send(receiver.address, {}) is None
