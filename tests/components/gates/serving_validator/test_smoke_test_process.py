"""The fresh process itself: what it is, and how it ends."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import tensorflow as tf

from components.gates.serving_validator import process
from components.gates.serving_validator.canary_requests import MODEL, STAGE, Refused, read_answers
from components.serving_folder.storage import link_or_copy

PROGRAM = """
import json, sys
from pathlib import Path
from components.gates.serving_validator import smoke_test
smoke_test.main(Path(sys.argv[1]))
print(json.dumps(sorted({"keras", "tfx", "apache_beam"} & sys.modules.keys())))
"""


def test_it_has_what_a_server_has_and_no_more(exported, canaries, tmp_path):
    link_or_copy(exported.path, tmp_path / MODEL)
    canaries.requests.write(tmp_path)
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []
    assert read_answers(tmp_path).keys() >= {"together/compare/score", "python/embed_b/embedding"}


@pytest.fixture
def stuck(changed):
    """A model that never answers ``compare``."""

    def endless(answer):
        turns = tf.while_loop(lambda n: n >= 0.0, lambda n: (tf.abs(tf.sin(n)),), [tf.reduce_sum(answer["score"])])[0]
        return {**answer, "score": answer["score"] + turns}

    return changed(compare=endless)


def test_a_process_that_is_killed_is_a_refusal(stuck, canaries, tmp_path):
    folder = tmp_path / "smoke test"
    folder.mkdir()
    refused = []

    def run():
        try:
            process.run_smoke_test(stuck, canaries.requests, folder, 300)
        except Refused as error:
            refused.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    while thread.is_alive() and "warm-up" not in _text(folder / STAGE):
        time.sleep(0.05)
    os.kill(_process_of(folder), signal.SIGKILL)
    thread.join()
    assert refused == [
        "the process that tried it was killed by SIGKILL (often: out of memory) while replaying its warm-up requests"
    ]


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _process_of(folder: Path) -> int:
    """The process whose command line ends with the folder."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = path.read_bytes().split(b"\0")
        except OSError:  # it ended meanwhile
            continue
        if str(folder).encode() in arguments:
            return int(path.parent.name)
    raise AssertionError("the process is not there")


def test_a_process_that_does_not_come_to_an_end_is_a_refusal(stuck, canaries, tmp_path):
    folder = tmp_path / "smoke test"
    folder.mkdir()
    with pytest.raises(Refused, match=r"^the process that tried it had not finished after 2 s, "):
        process.run_smoke_test(stuck, canaries.requests, folder, 2)
    with pytest.raises(AssertionError, match="not there"):
        _process_of(folder)


def test_a_process_that_cannot_even_start_is_no_verdict(exported, canaries, tmp_path, monkeypatch):
    monkeypatch.setattr(process, "_PROGRAM", "components.gates.serving_validator.absent")
    with pytest.raises(
        OSError, match=r"(?s)ended with code 1: .*No module named components\.gates\.serving_validator\.absent"
    ):
        process.run_smoke_test(exported.path, canaries.requests, tmp_path, 60)
