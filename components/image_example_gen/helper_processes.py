"""Processes beside this one that load TensorFlow and then wait for work; a run starts them while it loads TFX."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

_ROOT = Path(__file__).parents[2]  # where ``components`` and ``models`` are imported from
MANY = 4096  # images, for which other processes are worth their start of two seconds
_MOST = 8  # processes that make images, this one included
_PROGRAM = f"""
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the other process decides
from models.library_environment import import_tensorflow, loading
with loading():
    tensorflow = import_tensorflow()
    from {__package__}.making_processes import main
main(tensorflow)
"""


class HelperProcess:
    """A process that loads TensorFlow and serves this end of a connection; see ``making_processes.main``.

    Attributes:
      connection: to it.
      started: whether it could be.
    """

    def __init__(self) -> None:
        self.connection, other = Pipe()
        paths = filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")])
        environment = {"PYTHONPATH": os.pathsep.join(paths), "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        self._popen: subprocess.Popen[bytes] | None = None
        with other, suppress(OSError):
            self._popen = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", _PROGRAM, str(other.fileno())],
                env={**os.environ, **environment},
                pass_fds=[other.fileno()],
                stdin=subprocess.DEVNULL,
                cwd=_ROOT,  # from where Python imports first
            )
        self.started = self._popen is not None

    def kill(self) -> None:
        """Kills it: whoever waits for its answer gets an error."""
        if self._popen:
            self._popen.kill()
            self._popen.wait()

    def end(self) -> None:
        """Kills it and closes the connection, which nobody uses any more."""
        self.kill()
        self.connection.close()


_waiting: list[HelperProcess] = []


def cores() -> int:
    """How many processes make images, this one included."""
    return min(_MOST, len(os.sched_getaffinity(0)))


@contextmanager
def prepared() -> Iterator[None]:
    """Within it, processes for all cores are there or about to be; those that nobody took are ended."""
    _waiting.extend(HelperProcess() for _ in range(cores() - 1))
    try:
        yield
    finally:
        end_waiting()


def take() -> HelperProcess:
    """One of the processes that are prepared, or a new one."""
    try:
        return _waiting.pop()
    except IndexError:
        return HelperProcess()


def end_waiting() -> None:
    """Ends the processes that nobody took: no more images are to be made."""
    while _waiting:
        _waiting.pop().end()


def connection_to_parent() -> Connection:
    """In such a process: the other end, whose number is the process's only argument."""
    return Connection(int(sys.argv[1]))
