"""The fresh process: started with nothing but the model and the requests, bounded in time, its death understood."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from components.gates.serving_validator.canary_requests import (
    MODEL,
    REFUSAL,
    STAGE,
    Answers,
    CanaryRequests,
    Refused,
    read_answers,
)
from components.serving_folder.storage import link_or_copy

_PROGRAM = "components.gates.serving_validator.smoke_test"
_ROOT = Path(__file__).parents[3]  # where ``components`` and ``models`` are imported from

# The rest of the environment is this process's own business. No GPU: it is in use by the pipeline, whose TensorFlow
# takes all of its memory, and a model must answer the same without one.
_KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "LD_LIBRARY_PATH", "PYTHONPYCACHEPREFIX", "TF_ENABLE_ONEDNN_OPTS")
_SET = {"PYTHONPATH": str(_ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}


_running: set["subprocess.Popen[bytes]"] = set()
_over = threading.Event()  # the run ends early


def allow_running() -> None:
    """The run that ended early has ended."""
    _over.clear()


def end_running() -> None:
    """Kills the processes that are at work, and allows no more: the run ends early."""
    _over.set()
    for process in list(_running):
        _running.discard(process)
        process.kill()


class Killed(Refused):
    """The process was killed while it was at the model: for what the model needs, or by chance."""


class KilledEarly(OSError):
    """The process was killed before it came as far as the model."""


def run_smoke_test(model_dir: Path, requests: CanaryRequests, folder: Path, timeout: float) -> Answers:
    """The answers of the model to the requests.

    Args:
      model_dir: the exported SavedModel; it is linked or copied into ``folder``, and that is what the process sees.
      requests: what it is sent.
      folder: an empty one, for this.
      timeout: seconds in all.

    Raises:
      Refused: the model must not serve; it also was the last thing that a stuck process was at.
      Killed: likewise, of a process that was killed.
      KilledEarly, OSError: the process did not come as far as the model.
    """
    link_or_copy(model_dir, folder / MODEL)
    requests.write(folder)
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | _SET
    command = [sys.executable, "-W", "ignore", "-m", _PROGRAM, str(folder)]
    # Into a file: a process that writes more than a pipe holds would wait for a reader until its time is over.
    with (folder / "log.txt").open("w+b") as log:
        with subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        ) as process:
            code = _code(process, timeout)
        log.seek(0)
        said = log.read()[-4000:].decode(errors="replace").strip()
    stage = _read(folder / STAGE)
    if code is None:
        raise Refused(f"the process that tried it had not finished after {timeout:g} s, {stage or 'still starting'}")
    if code < 0 and stage:
        raise Killed(f"the process that tried it {_ended(code)} while {stage}")
    if code != 0:
        kind = KilledEarly if code < 0 else OSError
        raise kind(f"the process that tries the model {_ended(code)}: {said}")
    if refusal := _read(folder / REFUSAL):
        raise Refused(refusal)
    return read_answers(folder)


def _code(process: "subprocess.Popen[bytes]", timeout: float) -> int | None:
    """The exit code of a process; None if it has not ended in time, and was killed.

    Raises:
      OSError: ``end_running`` has ended it.
    """
    _running.add(process)
    if _over.is_set():
        _running.discard(process)
        process.kill()
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:
        stopped = process not in _running
        _running.discard(process)
        process.kill()
    if stopped:
        raise InterruptedError("the process that tries the model was ended with the run")
    return code


def _read(path: Path) -> str:
    """The text of a file; empty where there is none."""
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _ended(code: int) -> str:
    """How a process ended that did not end well."""
    if code > 0:
        return f"ended with code {code}"
    number = -code
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    return f"was killed by {name}" + (" (often: out of memory)" if number == signal.SIGKILL else "")
