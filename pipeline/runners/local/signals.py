"""Signals that end a run in order: those that end a process by default, and that people and batch systems send."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from models.errors import Terminated

_AGAIN = 5.0  # seconds after which a signal that had no effect, because a library caught the exception, is raised again
_SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGXCPU", "SIGUSR1", "SIGUSR2")
_INSISTING = 3  # signals, while the end of the run is being recorded, that end the process at once


class Ending:
    """Raises ``Terminated``, or ``KeyboardInterrupt``, at the first signal; a second one does not disturb the end.

    Attributes:
      recording: the run has ended, and its end is being recorded.
    """

    def __init__(self) -> None:
        self.recording, self._ignored = False, 0
        self._raised: float | None = None

    def record(self) -> None:
        """The run has ended: from now on signals do not interrupt what records it, unless they are many."""
        self.recording = True

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        """The handler."""
        if self.recording or (self._raised is not None and time.monotonic() - self._raised < _AGAIN):
            self._ignored += 1
            if self._ignored >= _INSISTING:
                os._exit(128 + number)
            return
        self._raised = time.monotonic()
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)


@contextmanager
def ending_in_order() -> Iterator[Ending]:
    """Handles the signals while it is entered; one that is ignored, as under nohup, stays ignored."""
    ending = Ending()
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.Signals[name] for name in _SIGNALS):
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                before[number] = signal.signal(number, ending.on_signal)
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
