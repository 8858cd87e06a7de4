"""Texts that a person gave as paths: whether one is an address of a store, or a pattern to a library."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_VARIABLE = re.compile(r"\$(\{\w+\}|[A-Za-z_]\w*)")
# What TFX, Beam and TensorFlow, which append "/*" to the address of a folder, or ask for the files that match one, take
# for more than a character of a name: patterns, escapes, format strings, placeholders, line ends.
_NOT_PLAIN = re.compile(r"[*?\[\]{}\\%$\x00-\x1f\x7f]")


def is_address(text: str) -> bool:
    """Whether it begins with ``scheme://``; a path may hold those characters further on."""
    return _SCHEME.match(text) is not None


def as_in_a_shell(text: str, folder: str | Path = "") -> str:
    """A path with ``~`` replaced as a shell does, for where no shell has: in a file, or after ``--option=``.

    Raises:
      ValueError: it holds a variable, or ``~`` of no user, that no file in ``folder`` is called: a folder
        of that name would be made.
    """
    expanded = text if is_address(text) else os.path.expanduser(text)  # noqa: PTH111 - which takes ./~ for ~
    for mark in (re.match("~[^/]*", expanded), _VARIABLE.search(expanded)):
        end = mark and (expanded + "/").index("/", mark.end())
        if mark and (is_address(text) or not os.path.lexists(Path(folder, expanded[:end]))):
            raise ValueError(f"{text}: {mark[0]} is replaced by a shell only; write the path itself")
    return expanded


def is_plain(path: str | Path) -> bool:
    """Whether a path, made absolute, is no pattern to any library."""
    return not _NOT_PLAIN.search(str(Path(path).absolute()))


@contextmanager
def by_plain_name(folder: str | Path) -> Iterator[str]:
    """A folder of this machine by a name that is no pattern, for reading in this process; other addresses as they are.

    Raises:
      OSError: a folder whose name is a pattern does not exist, or may not be read.
    """
    if is_address(str(folder)) or is_plain(folder):
        yield str(folder)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
