"""The pod's log: one JSON object a line, with the time, the event and the node."""

import json
import logging
import sys
import threading
import time
from datetime import datetime, timezone
from typing import Any, TextIO

PROGRESS = "siamese.progress"


class Events(logging.Handler):
    """Writes events, and what libraries log as such: warnings of all of them, and every line of our own progress.

    A record with the attribute ``event`` (``logging``'s ``extra``) is an event of that name, with ``details`` as its
    fields.
    """

    def __init__(self, node: str, stream: TextIO | None = None) -> None:
        super().__init__(logging.INFO)
        self.node, self._stream, self._writing = node, stream or sys.stdout, threading.Lock()
        self._started = time.monotonic()

    def say(self, event: str, **details: Any) -> dict[str, Any]:
        """Writes one line, and returns it; a value that is no JSON is written as text."""
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        said = {"time": now, "event": event, "node": self.node, **details}
        line = json.dumps(said, default=str)
        with self._writing:
            self._stream.write(line + "\n")
            self._stream.flush()
        return said

    @property
    def seconds(self) -> float:
        """Since the first moment of the log."""
        return round(time.monotonic() - self._started, 1)

    def emit(self, record: logging.LogRecord) -> None:
        if event := getattr(record, "event", None):
            self.say(event, **getattr(record, "details", {}))
        elif record.name == PROGRESS:
            self.say("progress", message=record.getMessage())
        elif record.levelno >= logging.WARNING:
            self.say("log", level=record.levelname, logger=record.name, message=record.getMessage()[:2000])

    def listen(self) -> None:
        """Takes the place of every other handler of the root logger."""
        root = logging.getLogger()
        root.handlers[:] = [self]
        root.setLevel(logging.INFO)
