"""Runs that end early: a signal, a kill, a full disk, a damaged metadata store."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from ended_runs import alerting, ending

from components.run_outcome.summary import RunSummary, read_summaries, recorded_summaries
from components.serving_folder.push import Provenance, push
from components.storage.folder_lock import held
from models.errors import Terminated, UserError
from pipeline.runners.local import run as run_module
from pipeline.runners.local.run import run


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
