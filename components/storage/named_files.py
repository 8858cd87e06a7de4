"""The files that a list names below a local folder, without a walk: nothing else beside or below them is looked at."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator

from components.storage.image_walk import File, local_file
from components.storage.text_files import one_text

_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)


class NamedFiles:
    """Finds files below a folder by their paths.

    A path that leads to none stands for those that are the same text in another normal form of Unicode, of the file or
    of a folder on the way to it. Only for it the folders on the way are listed, each once.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._linked: dict[str, bool] = {"": False}
        self._names: dict[str, dict[str, list[str]]] = {}

    def find(self, paths: Iterable[str]) -> list[File]:
        """The files, sorted by path; folders are none.

        Raises:
          OSError: a folder on the way may not be seen, or the file system fails.
        """
        found = {}
        for path in paths:
            if file := self._file(path):
                found[path] = file
            else:
                found.update({other: file for other in self._spellings(path) if (file := self._file(other))})
        return sorted(found.values())

    def _file(self, path: str) -> File | None:
        try:
            status = os.lstat(self._address(path))
            linked = self._is_linked(path.rpartition("/")[0])
            if stat.S_ISLNK(status.st_mode):
                linked = True
                try:
                    status = os.stat(self._address(path))  # noqa: PTH116 - of many files
                except OSError:  # a link to nowhere
                    return File(path, 0, regular=False, linked=True)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise
        return None if stat.S_ISDIR(status.st_mode) else local_file(path, status, linked)

    def _is_linked(self, folder: str) -> bool:
        """Whether a link is on the way to a folder, or is it."""
        if folder not in self._linked:
            above = folder.rpartition("/")[0]
            self._linked[folder] = self._is_linked(above) or os.path.islink(self._address(folder))  # noqa: PTH114
        return self._linked[folder]

    def _spellings(self, path: str) -> Iterator[str]:
        ways = [""]
        for part in path.split("/"):
            ways = [f"{way}/{name}".lstrip("/") for way in ways for name in self._beside(way).get(one_text(part), ())]
        yield from ways

    def _beside(self, folder: str) -> dict[str, list[str]]:
        """What lies in a folder, by its text."""
        if folder not in self._names:
            names = self._names[folder] = {}
            try:
                for name in sorted(os.listdir(self._address(folder))):  # noqa: PTH208 - of many files
                    names.setdefault(one_text(name), []).append(name)
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise
        return self._names[folder]

    def _address(self, path: str) -> str:
        return os.path.join(self._folder, path)  # noqa: PTH118 - of many files
