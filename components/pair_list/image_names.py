"""Which images the names in a list of pairs stand for: by their path, or by their path without its ending."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

from components.pair_list.pair_lists import LabelledPair, line_errors
from components.storage.folders import LocalFolder, beginning_of
from components.storage.image_walk import why_not_an_image
from models.errors import UserError

_SEARCHED = 20_000  # images among which a similar name is looked for


class ImageNames(Protocol):
    """The images that a list may name."""

    def find(self, name: str) -> str | None:
        """The image that a name stands for, if there is one."""

    def similar(self, name: str) -> str:
        """A hint at a similar name, or ""."""


class KnownImages:
    """Images that are known by their ids.

    Args:
      image_ids: of all images.
    """

    def __init__(self, image_ids: Iterable[str]) -> None:
        self._ids = dict.fromkeys(image_ids)
        self._by_stem: dict[str, str] = {}
        for image_id in self._ids:
            self._by_stem.setdefault(_stem(image_id), image_id)

    def find(self, name: str) -> str | None:
        return name if name in self._ids else self._by_stem.get(name)

    def similar(self, name: str) -> str:
        near = difflib.get_close_matches(name, list(self._ids), n=1) if len(self._ids) <= _SEARCHED else []
        return f"; did you mean {near[0]!r}?" if near else ""


class ImagesOnDisk:
    """Images below a folder of this machine, looked for where a list names them; the folder is not walked.

    Args:
      root: the folder that the names are relative to.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._by_stem: dict[Path, dict[str, list[str]]] = {}

    def find(self, name: str) -> str | None:
        try:
            if (self._root / name).is_file():
                return name
            folder = LocalFolder(str((self._root / name).parent))
            for other in self._beside(name).get(PurePosixPath(name).name, ()):
                file = folder.file(other)
                if not why_not_an_image(file, beginning_of(folder, file)):
                    return str(PurePosixPath(name).with_name(other))
        except (OSError, ValueError, UserError):  # no name that a file can have, or a folder that may not be read
            pass
        return None

    def similar(self, name: str) -> str:
        try:
            names = [other for others in self._beside(name).values() for other in others]
        except (OSError, ValueError, UserError):
            return ""
        near = difflib.get_close_matches(PurePosixPath(name).name, names, n=1) if len(names) <= _SEARCHED else []
        return f"; did you mean {str(PurePosixPath(name).with_name(near[0]))!r}?" if near else ""

    def _beside(self, name: str) -> dict[str, list[str]]:
        """What lies in the folder where an image should be, by its name without the ending."""
        parent = (self._root / name).parent
        if parent not in self._by_stem:
            by_stem = self._by_stem[parent] = {}
            for other in LocalFolder(str(parent)).names():
                by_stem.setdefault(_stem(other), []).append(other)
        return self._by_stem[parent]


def resolve(name: str, pairs: Sequence[LabelledPair], images: ImageNames) -> dict[str, str]:
    """The image that each name in a list stands for.

    Args:
      name: of the list, for messages.
      pairs: its pairs.
      images: all there are, unusable ones included.

    Raises:
      UserError: the lines that name images that do not exist.
    """
    errors = line_errors(name)
    found: dict[str, str] = {}
    for pair in pairs:
        for side in (pair.a, pair.b):
            image = found.get(side) or images.find(side)
            if image is None:
                errors.add(pair.line, f"no image {side!r}{images.similar(side)}")
            else:
                found[side] = image
    errors.check()
    return found


def _stem(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(""))
