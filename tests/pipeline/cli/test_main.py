"""Whatever the terminal, the environment and the system are like, a command ends in order."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from subprocess import run as run_process

import pytest

from pipeline import cli

ROOT = Path(cli.__path__[0]).parents[1]


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", ["--version", "config data.split"])
def test_closed_standard_streams(closed, command, tmp_path):
    line = f"{sys.executable} -m pipeline {command} {closed}"
    done = run_process(["bash", "-c", line], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    done = run_process(
        ["bash", "-c", f"{sys.executable} -m pipeline runs --output {tmp_path}/none {closed}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == ("2>" not in closed)


def test_a_long_output_without_a_buffer_is_written_whole_whatever_signals_come():
    """A process that is stopped while it writes into a full pipe goes on after what the pipe had taken."""
    script = "from pipeline.cli.main import _open_standard_streams as f; f(); print('ready'); print('x' * 1_000_000)"
    child = subprocess.Popen([sys.executable, "-uc", script], stdout=subprocess.PIPE, bufsize=0, cwd=ROOT)
    assert child.stdout.readline() == b"ready\n"
    for number in (signal.SIGSTOP, signal.SIGCONT) * 3:
        time.sleep(0.05)
        child.send_signal(number)
    out, _ = child.communicate(timeout=60)
    assert len(out) == 1_000_001


def test_standard_error_that_takes_nothing(tmp_path):
    line = f"{sys.executable} -m pipeline runs --output {tmp_path}/none 2>/dev/full"
    assert run_process(["bash", "-c", line], check=False, cwd=ROOT).returncode == 2


@pytest.mark.parametrize("columns", ["0", "00", "", "-5", "x"])
def test_any_width_of_a_terminal(command_line, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    code, out, _ = command_line("config", "data.split")
    assert code == 0
    assert "train" in out


def test_what_a_message_quotes_cannot_steer_the_terminal(refused, tmp_path):
    (tmp_path / "l.csv").write_text("image_a,image_b,same\n\x1b[2J,[red]b,\x07\n")
    line, code = refused("evaluate", "--model", tmp_path, "--pairs", tmp_path / "l.csv")
    assert code == "data-pair-list"
    assert r"\x1b[2J,[red]b,\x07" in line


@pytest.mark.parametrize("error", [OSError(95, "Not supported", "/a/b"), MemoryError(), RecursionError("deep")])
def test_an_error_that_no_command_expects(refused, monkeypatch, error):
    def fails(*_):
        raise error

    monkeypatch.setattr("pipeline.config.read_user_values", fails)
    line, code = refused("config")
    assert code == "system-error"
    assert line in ("/a/b: Not supported", "out of memory", "nested too deep")


def test_output_that_nobody_reads():
    command = [sys.executable, "-m", "pipeline", "config"]
    read, write = os.pipe()
    os.close(read)
    done = run_process(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert "Traceback" not in done.stderr
    assert done.returncode == 1


def test_no_variable_changes_a_command(tmp_path):
    hostile = {
        "PYTHONWARNINGS": "error",
        "PYTHONIOENCODING": "ascii",
        "LC_ALL": "C",
        "HOME": "/proc/no",
        "TERM": "odd",
        "COLUMNS": "x",
        "TMPDIR": str(tmp_path / "gone"),
        "KERAS_BACKEND": "torch",
        "TF_XLA_FLAGS": "--odd",
    }
    command = [sys.executable, "-m", "pipeline", "config", "model_card", "--set", "model_card.licence=gemeinfrei ü"]
    done = run_process(command, env={**os.environ, **hostile}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "gemeinfrei \\xfc" in done.stdout
    assert done.stderr == "TF_XLA_FLAGS: --odd: not supported, and not used\n"
