"""``run_fn`` in a process of its own: TensorFlow connects its hosts before it does anything else.

``TrainingProcess`` is the parent's side; ``models.training.host_program`` is the process itself.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from models.errors import ExitCode
from models.training.hosts.rendezvous import POLL, Publisher

progress = logging.getLogger("siamese.progress")

_ROOT = str(Path(__file__).parents[3])  # where ``models`` is imported from; not from the user's folder
_PROGRAM = f"import sys; sys.path[0] = {_ROOT!r}; from models.training.host_program import main; main()"
_GRACE = 40.0  # seconds that a process has to keep its state: longer than its own limit
_LOST = 10.0  # seconds for a training to end by itself once another host is lost
_LAST_MESSAGE = 5.0  # seconds for another host to publish why it ended


@dataclass(frozen=True)
class Ended:
    """How a training ended on a host: the exit code (0, 1, or 2 for a user error), and why, where it is not 0."""

    code: int
    reason: str = ""


def train(
    own: Publisher, arguments: Mapping[str, Any], lost: Callable[[], str | None], log: IO[str] | None = None
) -> Ended:
    """``run_fn`` to its end, which ``own`` publishes; adds why another host ended too, which often is the cause.

    Args:
      own: sends this host's heartbeat meanwhile.
      arguments: of ``run_fn``, as JSON has them.
      lost: why another host no longer trains, or None.
      log: takes the libraries' output; default: this process's standard error.
    """

    def look() -> str | None:
        own.beat()
        return lost()

    try:
        ended = TrainingProcess(arguments, log).supervised(look)
    except (KeyboardInterrupt, SystemExit):
        own.publish(state="over", code=ExitCode.FAILED, reason="interrupted")
        raise
    own.publish(state="over", code=ended.code, reason=ended.reason)
    if not ended.code:
        return ended
    until = time.monotonic() + _LAST_MESSAGE
    while not (theirs := lost()) and time.monotonic() < until:
        time.sleep(POLL)
    return Ended(ended.code, f"{ended.reason}; {theirs}" if theirs and theirs != ended.reason else ended.reason)


class TrainingProcess:
    """``run_fn`` in a process of its own; its progress lines are logged here."""

    def __init__(self, arguments: Mapping[str, Any], log: IO[str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,  # a terminal's Ctrl-C is this process's to pass on
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self._error, self._done = "", False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._write(json.dumps(arguments) + "\n")

    def supervised(self, look: Callable[[], str | None]) -> Ended:
        """Waits for its end; any exception meanwhile, Ctrl-C included, stops it first.

        Twice a second, ``look`` returns why another host no longer trains, or None.
        """
        since: float | None = None
        try:
            while self._process.poll() is None and not self._done:
                lost = look()
                since = (since or time.monotonic()) if lost else None
                if lost and since and time.monotonic() - since > _LOST:
                    return Ended(ExitCode.FAILED, lost)
                time.sleep(POLL)
            if self._done:  # then it is no failure, whatever TensorFlow makes of its own end
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(_GRACE)
        finally:
            self.stop()
        code = 0 if self._done else self._process.returncode
        return Ended(
            code if code in (0, ExitCode.USER_ERROR) else ExitCode.FAILED,
            self._error or (_described(code) if code else ""),
        )

    def stop(self) -> None:
        """Ends it: it keeps its state, if it can in time; at once where Ctrl-C is pressed again."""
        try:
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGINT)
                self._process.wait(_GRACE)
        except (subprocess.TimeoutExpired, KeyboardInterrupt, SystemExit):
            self._process.kill()
            self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            message = json.loads(line)
            self._error = message.get("error", self._error)
            self._done = self._done or "done" in message
            if "progress" in message:
                progress.info("%s", message["progress"])

    def _write(self, line: str) -> None:
        if pipe := self._process.stdin:
            with suppress(BrokenPipeError):  # it has died; its exit code is read later
                pipe.write(line)
                pipe.flush()


def _described(code: int) -> str:
    if code > 0:
        return f"the training's process ended with code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    often = " (often: out of memory)" if -code == signal.SIGKILL else ""
    return f"the training's process was killed by {name}{often}"
