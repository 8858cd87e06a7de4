"""The one verdict: every view's text, exit code and next step follow from the same outcome."""

import pickle

import pytest

from components.run_outcome.explanation import explanations
from components.run_outcome.summary import Metric, RunSummary
from components.run_outcome.verdict import DataRefused, GateResult, Outcome, cause_of, gates_on, with_push
from models.errors import ExitCode, GateRefusal, NotEnoughNewData, RejectedData, TrainingFailed, UserError

PASSED = GateResult(name="floors", passed=True, reason="every floor is reached")
REFUSED = GateResult(name="baseline accuracy", passed=False, reason="0.91 against 0.95")
ANOMALIES = GateResult(name="anomalies", passed=False, reason="split train, height: too large.")
NEW_DATA = GateResult(name="new_data", passed=False, reason="3 new images since version 7, 10 required")


def outcome(error: BaseException, **fields) -> Outcome:
    return Outcome.of_error(error, name="faces", run_id="r7", **fields)


CASES = {
    "pushed": (Outcome.of_push(True, False, 42, name="faces", run_id="r7", gates=[PASSED]), "pushed", 0, "42"),
    "serving": (Outcome.of_push(False, True, 42, name="faces", run_id="r7", gates=[REFUSED]), "serving", 0, "42"),
    "refused": (
        Outcome.of_push(False, False, None, name="faces", run_id="r7", gates=[PASSED, REFUSED]),
        "refused",
        3,
        "baseline accuracy",
    ),
    "refused, seen from its gate": (outcome(GateRefusal("refused")), "refused", 3, ""),
    "anomalies": (
        outcome(DataRefused("bad data", "data-anomalies", [ANOMALIES]), failed_component="AnomalyGate"),
        "failed",
        2,
        "bad data [data-anomalies]",
    ),
    "new data": (outcome(NotEnoughNewData("3 new images", [NEW_DATA])), "skipped", 0, "3 new images"),
    "rejected": (outcome(RejectedData("no images", "", {}, "data-no-images")), "failed", 2, "[data-no-images]"),
    "collapse": (
        outcome(TrainingFailed("collapsed", "train-collapsed"), failed_component="Trainer"),
        "failed",
        1,
        "collapsed",
    ),
    "interrupted": (outcome(KeyboardInterrupt()), "failed", 130, "KeyboardInterrupt"),
}


@pytest.mark.parametrize(("ended", "kind", "code", "fact"), CASES.values(), ids=CASES)
def test_every_view_has_the_same_status_and_fact(ended, kind, code, fact):
    assert (ended.kind, ended.exit_code) == (kind, code)
    assert fact in ended.sentence
    assert ended.sentence.startswith("faces: run r7")
    if kind in ("pushed", "serving"):
        assert fact in ended.headline
        assert fact in ended.line("/serving").text
    else:
        assert fact in " ".join(ended.reasons())
    summary = RunSummary.begun("r7", {"name": "faces"}, "d")
    summary.conclude(ended)
    assert summary.outcome == ended
    assert (summary.status, summary.exit_code, summary.error_code) == (ended.status, code, ended.error_code)
    summary.metrics = {"accuracy": Metric(value=0.9)}
    explained = " ".join(explanations(summary))
    assert all(reason in explained for reason in ended.reasons())
    assert ended.next_step[1:] in explained
    assert Outcome.model_validate_json(ended.model_dump_json()) == ended


@pytest.mark.parametrize("gate", [ANOMALIES, NEW_DATA], ids=lambda gate: gate.name)
@pytest.mark.parametrize("copied", [False, True])
def test_a_gate_that_stopped_the_run_is_among_its_gates(gate, copied):
    error = DataRefused("m", "c", [gate]) if gate is ANOMALIES else NotEnoughNewData("m", [gate])
    error = pickle.loads(pickle.dumps(error)) if copied else error  # noqa: S301 - of this test
    wrapped = RuntimeError("a node failed")
    wrapped.__cause__ = error
    assert str(error) == "m"
    assert gates_on(wrapped) == [gate]
    assert outcome(wrapped, gates=[PASSED]).gates == [PASSED, gate]
    assert gates_on(ValueError("x")) == []


def test_a_declined_push_is_a_gate():
    assert with_push([PASSED], "") == [PASSED]
    assert with_push([PASSED], "another version serves")[1:] == [
        GateResult(name="push", passed=False, reason="another version serves")
    ]


def test_a_summary_of_the_time_before_error_codes_keeps_its_exit_code():
    old = RunSummary(run_id="r", status="failed", exit_code=2, error="no images", seed=0, config_digest="")
    assert old.outcome.exit_code == ExitCode.USER_ERROR
    assert list(old.outcome.reasons()) == ["no images"]


def caught(raiser) -> BaseException:
    try:
        raiser()
    except BaseException as error:  # noqa: BLE001
        return error
    raise AssertionError("nothing was raised")


class TestCause:
    def test_itself(self):
        error = UserError("x", "data-no-images")
        assert cause_of(error, UserError) is error

    @pytest.mark.parametrize("depth", [1, 4])
    @pytest.mark.parametrize("how", ["from", "during"])
    def test_however_often_it_was_wrapped(self, depth, how):
        def raiser(level):
            if not level:
                raise UserError("the folder is empty", "data-no-images")
            try:
                raiser(level - 1)
            except Exception as error:
                if how == "from":
                    raise RuntimeError(f"level {level}") from error
                raise RuntimeError(f"level {level}")  # noqa: B904

        assert str(cause_of(caught(lambda: raiser(depth)), UserError)) == "the folder is empty"

    def test_other_errors_are_not_the_users(self):
        error = RuntimeError("a")
        error.__cause__ = ValueError("b")
        error.__cause__.__context__ = error  # a circle
        assert cause_of(error, UserError) is None
