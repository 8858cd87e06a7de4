import fcntl
import json
import os
import re
import stat
from unittest import mock

import pytest
from ended_runs import alerting, ending

from components.run_outcome.summary import read_summaries
from components.run_outcome.verdict import DataRefused, GateResult
from models.errors import NotEnoughNewData, RejectedData, UserError
from pipeline.config import load_config
from pipeline.runners.local import run as run_module
from pipeline.runners.local.run import run


def test_a_run_leaves_a_summary_a_log_and_a_link_to_the_latest(data, tmp_path, executed, capfd):
    assert [run(data, tmp_path / "out"), run(data, tmp_path / "out")] == [3, 3]
    assert len(set(executed)) == 2
    runs = tmp_path / "out" / "runs"
    for run_id in executed:
        assert json.loads((runs / run_id / "summary.json").read_text())["run_id"] == run_id
        assert "a library's chatter" in (runs / run_id / "log.txt").read_text()
    latest = runs / "latest"
    assert latest.is_symlink()
    assert str(latest.readlink()) == executed[-1]  # relative: the folder can be moved
    assert "Refused" in (shown := capfd.readouterr().out)
    assert "chatter" not in shown


def test_another_run_at_work_is_refused_and_its_lock_ends_with_it(data, tmp_path, executed):
    output = tmp_path / "out"
    output.mkdir()
    with (output / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match=f"--output {output}: another run is in progress there"):
            run(data, output)
    assert executed == []
    assert run(data, output) == 3


def test_an_output_that_cannot_be_written_is_named(data, tmp_path, executed):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--output .*/file: cannot be created"):
        run(data, tmp_path / "file")
    if os.geteuid():  # root may write anywhere
        (tmp_path / "locked").mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
        with pytest.raises(UserError, match=r"--output .*/locked: cannot be written to"):
            run(data, tmp_path / "locked")
    assert executed == []


@pytest.mark.parametrize("place", ["file", "nothing://bucket"])
def test_a_serving_folder_that_takes_no_push_is_reported_before_the_run_begins(data, tmp_path, executed, place):
    (tmp_path / "file").write_text("")
    configured = place if "://" in place else str(tmp_path / place)
    config = data.model_copy(update={"push": data.push.model_copy(update={"serving_dir": configured})})
    with pytest.raises(UserError, match=f"{configured}: "):
        run(config, tmp_path / "out")
    assert executed == []
    assert not (tmp_path / "out" / "runs").exists()


def test_no_source_is_the_users_error(tmp_path, executed):
    with pytest.raises(UserError) as error:
        run(load_config(overrides=["data.source=null"]), tmp_path)
    assert error.value.code == "data-no-images"
    assert executed == []


def test_data_that_ingest_rejects_leaves_its_listing_and_counts(data, tmp_path, monkeypatch):
    listing = 'path,reason,bytes\nsomeone/1.png,"not an image",1\n'
    ending(
        monkeypatch,
        RejectedData("1 of 1 images are unusable", listing, {"quarantined": 1, "images": 0, "identities": 0}),
    )
    assert run(data, tmp_path / "out") == 2
    summary = read_summaries(tmp_path / "out")[0]
    assert (summary.status, summary.error) == ("failed", "1 of 1 images are unusable")
    assert summary.counts["images"]["quarantined"] == 1
    assert (tmp_path / "out" / "quarantine" / f"{summary.run_id}.csv").read_text() == listing


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (ImportError("no TFX"), 1),
        (KeyboardInterrupt(), 130),
        (UserError("serving is a file", "config-not-writable"), 2),
    ],
)
def test_a_fault_before_the_first_node_leaves_a_summary_too(data, tmp_path, monkeypatch, raised, code):
    ending(monkeypatch, raised)
    assert run(data, tmp_path / "out") == code
    summary = read_summaries(tmp_path / "out")[0]
    status = "interrupted" if isinstance(raised, KeyboardInterrupt) else "failed"
    assert (summary.status, summary.exit_code, summary.timings) == (status, code, {})
    assert str(raised) in summary.error


def test_a_damaged_metadata_store_hides_nothing(data, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "metadata.sqlite").write_bytes(b"no database" * 100)
    ending(monkeypatch, UserError("the first error", "data-no-images"))
    assert run(data, tmp_path / "out") == 2
    assert read_summaries(tmp_path / "out")[0].error == "the first error"


ANOMALIES = GateResult(name="anomalies", passed=False, reason="split train, height: too large.")


@pytest.mark.parametrize(
    ("raised", "code", "error_code"),
    [(DataRefused("bad data", "data-anomalies", [ANOMALIES]), 2, "data-anomalies"), (ZeroDivisionError("x"), 1, None)],
)
def test_a_failed_run_is_sent_with_what_failed_and_where_to_look(
    data, tmp_path, monkeypatch, receiver, capfd, raised, code, error_code
):
    ending(monkeypatch, raised)
    assert run(alerting(data, receiver), tmp_path / "out") == code
    ((_, body),) = receiver.received
    summary = read_summaries(tmp_path / "out")[0]
    run_dir = tmp_path / "out" / "runs" / summary.run_id
    assert body["outcome"] == json.loads(summary.outcome.model_dump_json())
    assert (body["outcome"]["status"], body["outcome"]["error_code"]) == ("failed", error_code)
    assert body["look"].items() >= {"summary": str(run_dir / "summary.json"), "log": str(run_dir / "log.txt")}.items()
    assert summary.alert is None
    assert summary.gates == ([ANOMALIES] if error_code else [])  # though the node left no artifact
    shown = capfd.readouterr().out
    assert str(raised) in shown
    assert bool(re.search(r"anomalies +refused +split train", shown)) == bool(error_code)


def test_a_webhook_that_fails_changes_no_exit_code_and_is_in_the_summary(data, tmp_path, monkeypatch, receiver):
    receiver.codes = [404]
    ending(monkeypatch, UserError("wrong", "data-no-images"))
    assert run(alerting(data, receiver), tmp_path / "out") == 2
    assert "404" in read_summaries(tmp_path / "out")[0].alert


def test_a_run_that_never_began_is_sent_too(tmp_path, receiver):
    config = alerting(load_config(overrides=["data.source=null"]), receiver)
    with pytest.raises(UserError):
        run(config, tmp_path)
    ((_, body),) = receiver.received
    assert (body["outcome"]["error_code"], body["look"]) == ("data-no-images", {})


def test_nothing_is_sent_of_a_run_that_was_skipped_or_that_nobody_is_notified_of(data, tmp_path, monkeypatch, receiver):
    ending(monkeypatch, UserError("wrong", "data-no-images"))
    run(alerting(data, receiver, "refused"), tmp_path / "out")
    few = GateResult(name="new_data", passed=False, reason="3 new images")
    ending(monkeypatch, NotEnoughNewData("3 new images", [few]))
    assert run(alerting(data, receiver), tmp_path / "out") == 0
    assert receiver.received == []
    skipped = read_summaries(tmp_path / "out")[1]
    assert (skipped.status, skipped.skipped, skipped.gates) == ("skipped", "3 new images", [few])


def test_a_second_run_on_the_same_is_answered_from_the_first_and_reported(
    data, tmp_path, executed, receiver, monkeypatch, capfd
):
    def repeated(output, earlier, summary):
        summary.status, summary.same_as = earlier.status, earlier.run_id
        summary.conclude(summary.outcome)
        return True

    config = alerting(data, receiver, "refused")
    assert run(config, tmp_path / "out") == 3
    assert receiver.received == []  # the node Outcome of the graph does it
    monkeypatch.setattr(run_module, "repeat", repeated)
    assert run(config, tmp_path / "out") == 3
    assert len(executed) == 1
    ((_, body),) = receiver.received
    assert body["outcome"]["status"] == "refused"
    assert f"are those of run {executed[0]}: its results hold" in " ".join(capfd.readouterr().out.split())
    first, second = read_summaries(tmp_path / "out")
    assert (second.same_as, second.settled) == (first.run_id, first.settled)


@pytest.mark.parametrize("answer", [False, OSError("no store"), UserError("damaged", "config-damaged-metadata")])
def test_a_run_whose_predecessor_cannot_be_taken_over_is_executed(data, tmp_path, executed, monkeypatch, answer):
    assert run(data, tmp_path / "out") == 3
    monkeypatch.setattr(run_module, "repeat", mock.Mock(side_effect=[answer]))
    assert run(data, tmp_path / "out") == 3
    assert len(executed) == 2


def test_what_serves_and_cannot_be_read_after_the_run_costs_no_verdict(data, tmp_path, executed, monkeypatch):
    answers = iter(["none", UserError("no answer", "store-unreachable")])

    def served(_):
        if isinstance(answer := next(answers), UserError):
            raise answer
        return answer

    monkeypatch.setattr("pipeline.runners.local.unchanged.served_key", served)
    assert run(data, tmp_path / "out") == 3
    (summary,) = read_summaries(tmp_path / "out")
    assert (summary.status, summary.settled) == ("refused", None)
