"""The process that ``hosts.process`` starts for a training on several hosts: ``run_fn``, reported as lines of JSON."""

import json
import logging
import os
import re
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from types import FrameType, SimpleNamespace
from typing import IO, NoReturn

from models.errors import ExitCode, UserError, first_line

_OWN_GRACE = 30.0  # seconds to keep its state once its parent has ended


def main() -> None:
    """Exits with 0, 1, 2 (a user error) or ``ExitCode.INTERRUPTED``; when its parent has ended, it ends too.

    Reads one line, a JSON object of ``run_fn``'s arguments. Writes ``{"progress": ...}`` and, at the end,
    ``{"done": true}`` or ``{"error": ...}``; all other output goes to standard error.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # also where it is started from a script's background
        signal.signal(number, _stop_once)
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    arguments = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname).1s %(name)s: %(message)s")
    progress = logging.getLogger("siamese.progress")
    progress.setLevel(logging.INFO)
    progress.addHandler(_Lines(lines))
    code, error = ExitCode.FAILED, ""
    try:
        from models.training.trainer import run_fn

        run_fn(SimpleNamespace(**arguments))
    except UserError as raised:
        code, error = ExitCode.USER_ERROR, str(raised)
    except KeyboardInterrupt:
        code, error = ExitCode.INTERRUPTED, "stopped"
    except Exception as raised:  # noqa: BLE001 - whatever was raised, its line goes to the parent
        traceback.print_exc()
        error = _without_names(first_line(raised))
    else:
        _print(lines, done=True)
        return
    _print(lines, error=error)
    sys.stderr.flush()
    os._exit(code)  # TensorFlow's own end waits for hosts that no longer answer


def _stop_once(_number: int, _frame: FrameType | None) -> NoReturn:
    """Ends the training; a second signal, which the parent passes on, does not disturb what keeps its state."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _without_names(line: str) -> str:
    """The line without the names of the graph's nodes; a broken connection is explained."""
    line = re.sub(r"\{\{.*?\}\}\s*", "", line)
    return f"another host has gone: {line}" if line.startswith("Collective ops is aborted") else line


def _print(lines: IO[str], **message: str | bool) -> None:
    with suppress(BrokenPipeError):  # the parent has ended, and this process is about to
        print(json.dumps(message), file=lines, flush=True)


class _Lines(logging.Handler):
    def __init__(self, lines: IO[str]) -> None:
        super().__init__(logging.INFO)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        _print(self._lines, progress=record.getMessage())


def _end_with_parent() -> None:
    while os.read(0, 4096):  # until the parent, whatever became of it, no longer holds the other end
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(_OWN_GRACE)
    os._exit(ExitCode.INTERRUPTED)
