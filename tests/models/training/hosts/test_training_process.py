import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from models.training.hosts import process
from models.training.hosts.process import Ended, TrainingProcess

ENDLESS = "progress.info('process %d', os.getpid())\nwhile True:\n    time.sleep(0.01)"


def nobody_lost() -> None:
    return None


def test_it_trains_with_the_arguments_and_reports_its_progress(run_fn, reported):
    run_fn("print('a library speaks')\nprogress.info('epoch %d of %s', 1, fn_args.train_files)")
    assert TrainingProcess({"train_files": ["x/*"]}).supervised(nobody_lost) == Ended(0)
    assert reported() == ["epoch 1 of ['x/*']"]


@pytest.mark.parametrize(
    ("body", "ended"),
    [
        ("raise UserError('the disk is full', 'train-disk-full')", Ended(2, "the disk is full")),
        ("raise TrainingFailed('a loss is no number', 'train-not-finite')", Ended(1, "a loss is no number")),
        ("os.kill(os.getpid(), 9)", Ended(1, "the training's process was killed by SIGKILL (often: out of memory)")),
        ("os._exit(3)", Ended(1, "the training's process ended with code 3")),
        (
            "raise RuntimeError('{{function_node x}} Collective ops is aborted by: reset')",
            Ended(1, "another host has gone: Collective ops is aborted by: reset"),
        ),
    ],
)
def test_how_it_ended_is_reported(run_fn, body, ended):
    run_fn(body)
    assert TrainingProcess({}).supervised(nobody_lost) == ended


def test_a_training_that_is_done_is_no_failure_whatever_the_process_makes_of_its_end(run_fn):
    run_fn("import atexit\natexit.register(os.abort)")
    assert TrainingProcess({}).supervised(nobody_lost) == Ended(0)


def test_what_libraries_print_goes_to_the_log(run_fn, tmp_path):
    run_fn("print('on standard output')\nos.write(2, b'from C')")
    with (tmp_path / "log.txt").open("w") as log:
        TrainingProcess({}, log).supervised(nobody_lost)
    assert {"on standard output", "from C"} <= set((tmp_path / "log.txt").read_text().splitlines())


def test_ctrl_c_stops_it_and_it_may_keep_its_state(run_fn, reported):
    run_fn(f"try:\n    {ENDLESS.splitlines()[0]}\n    time.sleep(60)\nfinally:\n    progress.info('kept')")

    def pressed() -> None:
        if reported():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TrainingProcess({}).supervised(pressed)
    assert reported()[1:] == ["kept"]
    assert gone(reported()[0])


def test_one_that_does_not_stop_is_killed(run_fn, reported, monkeypatch):
    monkeypatch.setattr(process, "_GRACE", 0.3)
    run_fn(f"import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n{ENDLESS}")
    training = TrainingProcess({})
    while not reported():
        time.sleep(0.02)
    training.stop()
    assert gone(reported()[0])


def test_it_is_stopped_once_another_host_is_lost(run_fn, reported, monkeypatch):
    monkeypatch.setattr(process, "_LOST", 0.1)
    run_fn(ENDLESS)
    assert TrainingProcess({}).supervised(lambda: "host 1: is gone" if reported() else None) == Ended(
        1, "host 1: is gone"
    )
    assert gone(reported()[0])


def test_it_goes_when_its_parent_is_killed(run_fn):
    run_fn(f"try:\n    {ENDLESS.splitlines()[0]}\n    time.sleep(60)\nfinally:\n    os.write(2, b'kept')")
    parent = (
        "import logging, sys\nfrom models.training.hosts import process\n"
        f"process._PROGRAM = {process._PROGRAM!r}\n"
        "logging.basicConfig(stream=sys.stderr, level=logging.INFO, format='%(message)s')\n"
        "process.TrainingProcess({}).supervised(lambda: None)"
    )
    root = Path(process.__file__).parents[3]
    with subprocess.Popen([sys.executable, "-c", parent], stderr=subprocess.PIPE, text=True, cwd=root) as started:
        line = started.stderr.readline()
        started.send_signal(signal.SIGKILL)
        assert started.stderr.read().endswith("kept")  # to the end of the file: no one holds it any more
    assert gone(line)


def gone(line: str) -> bool:
    """Whether the process that reported its number has ended, now or within a second."""
    number = int(re.search(r"process (\d+)", line)[1])
    for _ in range(50):
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{number}/stat").read_text().split()[2] == "Z":  # ended; its heir has not looked yet
            return True
        time.sleep(0.02)
    return False
