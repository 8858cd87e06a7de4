import fcntl
import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from webhook_receiver import webhook_server

from components.run_outcome.settings import AlertSettings
from components.run_outcome.summary import RunSummary, read_summaries, recorded_summaries
from components.run_outcome.verdict import DataRefused, GateResult
from components.serving_folder.push import Provenance, push
from components.storage.folder_lock import held
from models.errors import NotEnoughNewData, RejectedData, Terminated, UserError
from pipeline.config import load_config
from pipeline.runners.local import run as run_module
from pipeline.runners.local.run import run


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    (folder / "someone").mkdir(parents=True)
    (folder / "someone" / "1.png").write_bytes(b"x")
    return load_config(overrides=[f"data.source={folder}"])


@pytest.fixture
def executed(monkeypatch):
    """Stands for the graph: records which runs it was asked for, and ends them with ``code``."""
    ran = []

    def execute(config, output, data_root, data_digest, run_id, console):
        ran.append(run_id)
        os.write(1, b"a library's chatter\n")
        return RunSummary(run_id=run_id, status="refused", exit_code=3, seed=config.seed, config_digest="d")

    monkeypatch.setattr(run_module, "_execute", execute)
    return ran


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


def ending(monkeypatch, raised: BaseException):
    def graph(*_):
        raise raised

    monkeypatch.setattr(run_module, "_run_graph", graph)


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


@pytest.fixture
def receiver():
    with webhook_server() as server:
        yield server


def alerting(config, receiver, *on):
    alerts = AlertSettings(webhook=receiver.address, **({"on": on} if on else {}))
    return config.model_copy(update={"alerts": alerts})


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_run_in_order(data, tmp_path, monkeypatch, receiver, number):
    monkeypatch.setattr(run_module, "_run_graph", lambda *_: (os.kill(os.getpid(), number), time.sleep(60)))
    assert run(alerting(data, receiver), tmp_path / "out") == 128 + number
    (summary,) = read_summaries(tmp_path / "out")
    assert (summary.status, summary.signal, summary.exit_code) == ("interrupted", number, 128 + number)
    assert ("Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name) in summary.error
    ((_, body),) = receiver.received
    assert body["outcome"]["status"] == "interrupted"


_INTERRUPTED = """
import os, signal, sys, time
from pipeline.cli.main import main
from pipeline.runners.local import run
number, where = int(sys.argv.pop()), sys.argv.pop()
def interrupted(*_):
    os.kill(os.getpid(), number)
    time.sleep(60)
setattr(run, where, interrupted)
main()
"""


@pytest.mark.parametrize("where", ["_run_graph", "data_fingerprint"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_process_of_an_interrupted_run_ends_with_the_code_of_its_signal(data, tmp_path, where, number):
    arguments = ["run", "--data", data.data.source, "--output", str(tmp_path / "out"), where, str(int(number))]
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED, *arguments], capture_output=True, check=False, timeout=300
    )
    assert done.returncode == 128 + number, done.stderr
    summaries = read_summaries(tmp_path / "out")
    begun = where == "_run_graph"
    assert [(one.status, one.exit_code) for one in summaries] == [("interrupted", 128 + number)] * begun


def test_a_signal_before_the_run_has_begun_is_reported_too(data, tmp_path, monkeypatch, receiver):
    monkeypatch.setattr(run_module, "data_fingerprint", lambda *_: (os.kill(os.getpid(), 15), signal.pause()))
    with pytest.raises(Terminated):
        run(alerting(data, receiver), tmp_path / "out")
    assert len(receiver.received) == 1
    assert read_summaries(tmp_path / "out") == []


@pytest.mark.parametrize("raised", [Terminated(15), KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_run_that_ends_between_its_begin_and_its_graph_has_an_end(data, tmp_path, monkeypatch, receiver, raised):
    def announced(*_):
        raise raised

    monkeypatch.setattr(run_module, "announced_run", announced)
    with pytest.raises(type(raised)):
        run(alerting(data, receiver), tmp_path / "out")
    (summary,) = recorded_summaries(tmp_path / "out")
    assert summary.status == ("failed" if isinstance(raised, OSError) else "interrupted")
    assert len(receiver.received) == 1


def test_a_run_is_recorded_when_it_begins(data, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(run_module, "_run_graph", lambda *_: seen.extend(read_summaries(tmp_path / "out")))
    run(data, tmp_path / "out")
    (begun,) = seen
    assert (begun.status, begun.config["name"]) == ("running", data.name)
    assert read_summaries(tmp_path / "out")[0].status != "running"


def killed(data, output, run_id="20260101T000000Z") -> RunSummary:
    """What a run leaves that is killed without warning."""
    (output / "runs" / run_id).mkdir(parents=True)
    summary = RunSummary.begun(run_id, data.model_dump(mode="json"), "d")
    summary.status = "running"
    summary.write(output / "runs" / run_id)
    return summary


def test_a_killed_run_is_listed_as_interrupted_and_never_blocks(data, tmp_path, executed, receiver):
    output = tmp_path / "out"
    killed(data, output, "20260101T000000Z")
    killed(data, output, "20260102T000000Z")
    assert [one.status for one in read_summaries(output)] == ["interrupted"] * 2
    with held(output):
        assert [one.status for one in read_summaries(output)] == ["interrupted", "running"]
    assert run(alerting(data, receiver), output) == 3
    assert [one.status for one in read_summaries(output)] == ["interrupted", "interrupted", "refused"]
    recorded = json.loads((output / "runs" / "20260102T000000Z" / "summary.json").read_text())
    assert recorded["status"] == "interrupted"
    assert len(receiver.received) == 2  # the next run reports what they could not


def model(folder):
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"a model")
    return folder


def test_a_run_that_was_killed_after_its_push_is_known_to_have_pushed(data, tmp_path, executed):
    killed(data, tmp_path / "out")
    pushed = push(model(tmp_path / "model"), tmp_path / "out" / "serving", Provenance(run_id="20260101T000000Z"))
    run(data, tmp_path / "out")
    first, _ = read_summaries(tmp_path / "out")
    assert (first.status, first.pushed_version) == ("interrupted", pushed.version)


FULL = OSError(28, "No space left on device", "/x")


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (RuntimeError("a library's own words"), "disk-full"),
        (UserError("the schema", "data-anomalies"), "data-anomalies"),
    ],
)
def test_an_error_on_a_full_disk_that_does_not_say_so_is_one_of_the_disk(data, tmp_path, monkeypatch, raised, code):
    ending(monkeypatch, raised)
    monkeypatch.setattr(run_module.shutil, "disk_usage", lambda _: SimpleNamespace(free=4096))
    assert run(data, tmp_path / "out") == 2
    assert read_summaries(tmp_path / "out")[0].error_code == code


def test_an_output_folder_that_is_gone_is_named(data, tmp_path, monkeypatch, capfd):
    def graph(_, output, *__):
        output.rename(tmp_path / "moved")
        raise RuntimeError("unable to open database file")

    monkeypatch.setattr(run_module, "_run_graph", graph)
    assert run(data, tmp_path / "out") == 2
    shown = " ".join(capfd.readouterr().out.split())
    assert f"--output {tmp_path}/out: was removed or moved while the run was in progress [config-output-gone]" in shown
    assert [one.status for one in read_summaries(tmp_path / "moved")] == ["interrupted"]


def test_a_disk_that_is_full_is_one_line_and_keeps_the_verdict(data, tmp_path, monkeypatch, capfd):
    ending(monkeypatch, FULL)
    assert run(data, tmp_path / "out") == 2
    assert read_summaries(tmp_path / "out")[0].error_code == "disk-full"
    assert "/x: no space is left on the disk [disk-full]" in capfd.readouterr().out


def test_a_disk_that_is_full_after_the_push_leaves_it_pushed(data, tmp_path, monkeypatch):
    def graph(config, output, root, digest, run_id, stages):
        push(model(tmp_path / "model"), output / "serving", Provenance(run_id=run_id))
        raise FULL  # before the metadata store knows of the push

    monkeypatch.setattr(run_module, "_run_graph", graph)
    assert run(data, tmp_path / "out") == 0
    (summary,) = read_summaries(tmp_path / "out")
    assert summary.status == "pushed"
    assert summary.pushed_version
    assert "no space" in summary.error


@pytest.mark.parametrize(("raised", "code"), [(None, 2), (UserError("wrong", "data-no-images"), 2), (ValueError(), 1)])
def test_a_verdict_that_cannot_be_written_is_shown(data, tmp_path, monkeypatch, capfd, raised, code):
    def graph(*_):
        def refuse(*_):
            raise FULL

        monkeypatch.setattr(RunSummary, "write", refuse)
        if raised:
            raise raised

    monkeypatch.setattr(run_module, "_run_graph", graph)
    if raised is None:
        monkeypatch.setattr(run_module, "_fill", lambda summary, *_: setattr(summary, "status", "refused"))
    assert run(data, tmp_path / "out") == code
    assert "summary.json: could not be written; its verdict is above" in capfd.readouterr().out


def spoiled(store, how):
    with sqlite3.connect(store) as connection:
        connection.execute("create table t (a text)")
        connection.executemany("insert into t values (?)", [("x" * 500,)] * 200)
    connection.close()
    content = bytearray(store.read_bytes())
    if how == "truncated":
        content = content[: len(content) // 2]
    if how == "overwritten":
        content[4096:16384] = os.urandom(12288)
    if how == "no database":
        content[:16] = b"something else!!"
    store.write_bytes(content)


@pytest.mark.parametrize("how", ["truncated", "overwritten", "no database"])
def test_a_damaged_metadata_store_is_named_with_its_remedy(data, tmp_path, how):
    (tmp_path / "out").mkdir()
    store = tmp_path / "out" / "metadata.sqlite"
    spoiled(store, how)
    assert run(data, tmp_path / "out") == 2
    (summary,) = read_summaries(tmp_path / "out")
    assert summary.error_code == "config-damaged-metadata"
    assert f"mv {store} {store}.damaged" in summary.error
