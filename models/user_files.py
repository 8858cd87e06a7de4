"""Files that a person names, opened in one place: bounded, and nothing that a read could wait for without an end.

A regular file, or, where one reading is enough, a pipe that somebody writes to. Devices and sockets are refused.
"""

import errno
import io
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from models.errors import UserError

MOST_BYTES = 4 << 30  # of a list or a manifest: 40 million lines
_SECONDS = 60.0  # for a pipe, in all
_WRITER_SECONDS = 1.0  # for somebody to open it
_BLOCK = 1 << 20


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Opens a regular file for reading.

    Raises:
      OSError: there is none, it is of another kind, or no file can have that name.
    """
    descriptor, mode = _opened(path)
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, f"{_kind(mode)}, not a regular file", path)
    return os.fdopen(descriptor, "rb")


def read_bytes(path: str | os.PathLike[str], most_bytes: int = MOST_BYTES, pipe: bool = True) -> bytes:
    """The content of a regular file, or of a pipe that ends in time, if ``pipe`` allows it.

    Raises:
      OSError: it cannot be read, is longer, or is of another kind.
    """
    descriptor, mode = _opened(path)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        if not (stat.S_ISREG(mode) or (pipe and stat.S_ISFIFO(mode))):
            raise OSError(errno.EINVAL, f"{_kind(mode)}, not a regular file", path)
        blocks: list[bytes] = []
        length, begun = 0, time.monotonic()
        while block := _next_of_pipe(file, not blocks, begun, path) if stat.S_ISFIFO(mode) else file.read(_BLOCK):
            blocks.append(block)
            length += len(block)
            if length > most_bytes:
                raise OSError(errno.EFBIG, f"longer than {most_bytes:,} bytes", path)
        if stat.S_ISFIFO(mode) and not blocks:
            raise OSError(errno.EINVAL, "a pipe that nobody writes to", path)
        try:
            return b"".join(blocks)
        except MemoryError:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM), path) from None


def read_text(path: Path | str, code: str, most_bytes: int) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    Raises:
      UserError: it cannot be read, or is not UTF-8; with the line.
    """
    try:
        data = read_bytes(path, most_bytes)
    except OSError as error:
        raise UserError(f"{shown(path)}: cannot be read: {error.strerror}", code) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(f"{shown(path)}: cannot be read: line {line} is not UTF-8; save it as UTF-8", code) from None


def create_text(path: Path) -> TextIO:
    """Creates or replaces a text file, in UTF-8.

    Raises:
      OSError: it cannot be written, or is a pipe that nobody reads.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)
    os.set_blocking(descriptor, True)
    return os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a name to write a file under, which then replaces ``path``; after an error there is nothing of it.

    It is ``path`` itself where nothing can replace that: a pipe, a device, a file in a folder that takes no other.
    """
    target = path.resolve() if path.is_symlink() else path
    there = target.exists()
    if (there and not (target.is_file() and os.access(target, os.W_OK))) or not os.access(target.parent, os.W_OK):
        yield path
        return
    staging = target.with_name(f".{os.getpid()}-{target.name[-50:]}")  # of at most 255 bytes, with its ending
    try:
        yield staging
        if there:
            staging.chmod(stat.S_IMODE(target.stat().st_mode))
        staging.replace(target)
    except BaseException:
        with suppress(OSError):
            staging.unlink(missing_ok=True)
        raise


def described(error: BaseException) -> str:
    """One line for an error of the system: the file and what is wrong."""
    if isinstance(error, OSError) and error.strerror:
        where = error.filename if isinstance(error.filename, (str, bytes, os.PathLike)) else ""
        return f"{shown(os.fsdecode(where))}: {error.strerror}" if where else error.strerror
    if isinstance(error, MemoryError):
        return "out of memory"
    if isinstance(error, RecursionError):
        return "nested too deep"
    return " ".join(str(error).split())[:300] or type(error).__name__


def shown(name: str | os.PathLike[str], most: int = 500) -> str:
    """A file's name, or another text of a person's, in one line that a terminal can show, of a length that is read."""
    text = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in os.fspath(name)[: most * 10])
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-most // 2 :]}"


def _opened(path: str | os.PathLike[str]) -> tuple[int, int]:
    """(descriptor, mode): without waiting for a pipe's writer, and without a terminal that could end this process."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except ValueError:  # NUL, or half a surrogate pair
        raise OSError(errno.EINVAL, "no file can have this name", shown(path)) from None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode):
        os.close(descriptor)
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return descriptor, mode


def _next_of_pipe(file: io.RawIOBase, first: bool, begun: float, path: str | os.PathLike[str]) -> bytes:
    """The next bytes; none at the end, which a pipe also has until somebody has opened it for writing."""
    while (passed := time.monotonic() - begun) < _SECONDS:
        block = file.read(_BLOCK)
        if block or (block == b"" and not (first and passed < _WRITER_SECONDS)):
            return block
        time.sleep(0.05)
    raise OSError(errno.ETIMEDOUT, f"a pipe that does not end within {_SECONDS:g} s", path)


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISFIFO, "a pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    return next((name for test, name in kinds if test(mode)), "something else")
