"""The errors that the command line distinguishes, and the exit codes that they end a run with.

Not beside the code that raises them: TFX reloads the modules whose functions it calls, and with them their classes.
The meaning of each error code is in ``models.error_codes``.
"""

import errno
import os
import re
from collections.abc import Iterable, Iterator
from enum import IntEnum
from itertools import takewhile
from typing import Any


class ExitCode(IntEnum):
    """How a run ends, for whoever called it: the only table of these numbers."""

    PUSHED = 0  # or this model already serves
    SKIPPED = 0  # too few new images: on a schedule that is how most runs end
    FAILED = 1  # anything that is neither below: a collapsed training, a defect
    USER_ERROR = 2  # the input, the data or the configuration is wrong
    REFUSED = 3  # a gate refused the model; what served still serves
    UNREADABLE = 4  # a run on a cluster succeeded; whether it pushed cannot be read from here
    INTERRUPTED = 130  # 128 + SIGINT
    TERMINATED = 143  # 128 + SIGTERM


class UserError(Exception):
    """The input, the data or the configuration is wrong: one clear line, exit code 2.

    Args:
      message: which file or key, what is wrong with it, and what would be right.
      code: stable, from ``models.error_codes.CODES``; printed with the message.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message, code)
        self.message, self.code = message, code

    def __str__(self) -> str:
        return self.message


class RejectedData(UserError):
    """The images as they are make no run; what was found in them comes along, since a failed node leaves nothing else.

    Attributes:
      quarantine: the listing of the files that were not used, as CSV.
      counts: the figures of the images.
    """

    def __init__(self, message: str, quarantine: str, counts: dict[str, Any], code: str = "data-rejected") -> None:
        super().__init__(message, code)
        self.quarantine, self.counts = quarantine, counts
        self.args = (message, quarantine, counts, code)  # what pickle calls the class with


class GateRefusal(Exception):
    """A gate refused the model, where a refused run is to end as a failed one: exit code 3."""


class NotEnoughNewData(Exception):
    """Too few images are new to the model that serves: the run ends early, as it should. Exit code 0.

    Attributes:
      gates: the results of the gate that counted them; a failed node publishes no artifact.
    """

    def __init__(self, message: str, gates: Iterable[Any] = ()) -> None:
        super().__init__(message)
        self.gates = tuple(gates)
        self.args = (message, self.gates)

    def __str__(self) -> str:
        return str(self.args[0])


class TrainingFailed(RuntimeError):
    """The training diverged or collapsed; there is no model worth evaluating: exit code 1.

    Args:
      message: what happened, and what may help.
      code: stable, from ``models.error_codes.CODES``.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message, code)
        self.message, self.code = message, code

    def __str__(self) -> str:
        return self.message


class Terminated(SystemExit):
    """A signal asks this process to end: raised in the main thread, so that what is unfinished is cleaned up.

    Attributes:
      signal: its number; the exit code is 128 more.
    """

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.signal = number


_DISK = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the quota of the disk is used up",
    errno.EFBIG: "the file would exceed the limit on the size of a file",
    errno.EROFS: "the file system is read-only",
    errno.EIO: "the disk reports an error of input or output",
    errno.ESTALE: "the network file system has lost the file",
}
_NO_MEMORY = ("Cannot allocate memory", "std::bad_alloc", "OOM when allocating", "Out of memory", "out of memory")
# The same in the text of an error of Beam's, TensorFlow's, HDF5's, SQLite's or NumPy's, which has no errno.
_DISK_TEXTS = {
    **{os.strerror(number): reason for number, reason in _DISK.items()},
    "database or disk is full": _DISK[errno.ENOSPC],
    "disk I/O error": "a file cannot be read or written",
    # SQLite has rolled back by itself, and ML Metadata reports its own attempt to commit.
    "cannot commit - no transaction is active": "the metadata store cannot be written: the disk is full, or fails",
}
_TRACEBACK = "Traceback (most recent call last):"
_CAUSED_BY = "Caused by: "  # Java's
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")
_FILE = r"(?:(/[^;:'\"\n]+)[;:] ?(?:\[Errno \d+\] )?%s|%s: '([^'\n]+)')"


def disk_fault(error: BaseException | None) -> str | None:
    """Why the disk takes no more, in one line with the file where it is known; None of any other error.

    ``error`` and what it was raised from are looked at: libraries wrap what the system reports, often as text.
    """
    errors = list(chain(error))
    for one in errors:
        if isinstance(one, OSError) and one.errno in _DISK:
            file = one.filename2 or one.filename  # of a copy, the second one
            return f"{os.fsdecode(file)}: {_DISK[one.errno]}" if file else _DISK[one.errno]
    for text in map(str, errors):
        for phrase, reason in _DISK_TEXTS.items():
            if phrase in text:
                file = re.search(_FILE % (re.escape(phrase), re.escape(phrase)), text)
                return f"{file[1] or file[2]}: {reason}" if file else reason
        if _SHORT_WRITE.search(text):
            return _DISK[errno.ENOSPC]
    return None


def memory_fault(error: BaseException | None) -> bool:
    """Whether memory ran out: this process's, or an accelerator's, however a library reports it."""
    return any(isinstance(one, MemoryError) or any(text in str(one) for text in _NO_MEMORY) for one in chain(error))


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, and what it was raised from or while handling."""
    seen: set[int] = set()
    while error and id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__ or error.__context__


def first_line(error: Exception) -> str:
    """The first line with content of an error of TensorFlow's, without the graph's nodes around it."""
    lines = (line.strip() for line in str(error).splitlines())
    return next((line for line in lines if line and line != "Graph execution error:"), type(error).__name__)[:300]


def remote_cause(text: str) -> str:
    """The innermost cause, in one line, in the text of an error that has tracebacks of Python's or Java's in it.

    Beam wraps what its workers report in several of them. A text without one stays as it is.
    """
    lines = text.splitlines()
    found = lines
    for number, line in enumerate(lines):
        if line.endswith(_TRACEBACK):
            frames = (after for after, one in enumerate(lines[number + 1 :], number + 1) if not one[:1].isspace())
            found = lines[next(frames, number) :]
        elif line.startswith(_CAUSED_BY):
            found = [line.removeprefix(_CAUSED_BY), *lines[number + 1 :]]
    if found is not lines:  # a message may have several lines: up to the next frame, or empty line
        found = list(takewhile(lambda line: line.strip() and not line[0].isspace(), found))
    return " ".join(" ".join(found).split())


def note_node(error: BaseException, node: str) -> None:
    """Notes the node of the graph that raised an error."""
    error.failed_node = node  # type: ignore[attr-defined]


def node_of(error: BaseException | None) -> str | None:
    """The node that raised an error, or what caused it; None if none did."""
    while error:
        if node := getattr(error, "failed_node", None):
            return str(node)
        error = error.__cause__
    return None
