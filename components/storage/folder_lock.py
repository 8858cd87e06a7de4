"""The lock of an output folder: one run at a time. A killed process releases it."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILE = ".lock"
_TRIES, _WAIT = 10, 0.05  # seconds: ``in_use`` holds it for a moment


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Holds the lock of a folder.

    Raises:
      BlockingIOError: another process holds it.
    """
    with (folder / FILE).open("a", encoding="utf-8") as lock:
        for left in reversed(range(_TRIES)):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not left:
                    raise
                time.sleep(_WAIT)
        yield


def in_use(folder: Path) -> bool:
    """Whether a process holds the lock of a folder."""
    try:
        with (folder / FILE).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there is none, or it cannot be read
        return False
    return False
