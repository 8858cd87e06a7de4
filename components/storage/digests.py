"""Digests of files by their content, of which files are not read again that nobody can have changed since."""

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from components.storage.folders import Folder
from components.storage.image_walk import File
from models.errors import UserError

_THREADS, _PIECE = 8, 64  # files that a thread takes at a time
# A file that was written while it was read may keep the time of that moment: the clock of a file system has steps.
_SETTLED = 3 * 10**9  # nanoseconds


class Digests:
    """Digests of files, kept from one run to the next.

    A stored digest counts as long as the file's size, its times of content and of status, its device and its inode are
    those of when it was read. Everything else, such as copies of the same files, is read, and its content decides.

    Args:
      store: a file, which need not exist; one that cannot be read counts as none. Default: nothing is kept.
    """

    def __init__(self, store: Path | None = None) -> None:
        self._store = store
        self._stored = _read(store) if store else {}
        self._kept: dict[str, list[str]] = {}

    @property
    def count(self) -> int:
        """Of how many files the digest was asked for."""
        return len(self._kept)

    def of(self, folder: Folder, files: Sequence[File], longest: int | None = None) -> list[str]:
        """The digest of each file; see ``Folder.digest``."""
        pieces = [files[start : start + _PIECE] for start in range(0, len(files), _PIECE)]
        with ThreadPoolExecutor(_THREADS, "digest") as pool:
            return [one for piece in pool.map(lambda few: self._digests(folder, few, longest), pieces) for one in piece]

    def _digests(self, folder: Folder, files: Sequence[File], longest: int | None) -> list[str]:
        return [self._digest(folder, file, longest) for file in files]

    def _digest(self, folder: Folder, file: File, longest: int | None) -> str:
        cut = longest is not None and file.bytes > longest
        address, known = f"{folder.address}/{file.path}", f"{file.bytes} {file.changed}{' beginning' if cut else ''}"
        stored = self._stored.get(address)
        if stored and stored[0] == known:
            self._kept[address] = stored
            return stored[1]
        now = time.time_ns()
        try:
            found = folder.digest(file, longest) if file.regular else ""
        except OSError as error:
            return f"cannot be read: {type(error).__name__}"
        if _is_settled(file, now):
            self._kept[address] = [known, found]
        return found

    def write(self) -> None:
        """Keeps the digests that this object was asked for.

        Raises:
          UserError: the file cannot be written.
        """
        if self._store is None or self._kept == self._stored:
            return
        staging = self._store.with_name(f".{self._store.name}.staging")
        try:
            staging.write_text(json.dumps(self._kept), encoding="utf-8")
            staging.replace(self._store)
        except OSError as error:
            with suppress(OSError):
                staging.unlink()
            raise UserError(f"{self._store}: cannot be written: {error.strerror}", "config-not-writable") from None


def _is_settled(file: File, now: int) -> bool:
    times = [int(part) for part in file.changed.split()[:3:2] if part.isdecimal()]  # of content and of status
    return bool(times) and max(times) + _SETTLED < now


def _read(store: Path) -> dict[str, list[str]]:
    try:
        content: Any = json.loads(store.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    good = isinstance(content, dict) and all(
        isinstance(one, list) and len(one) == 2 and all(isinstance(text, str) for text in one)
        for one in content.values()
    )
    return content if good else {}
