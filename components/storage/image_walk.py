"""The one walk over a folder of images: what ``run``, ``embed`` and ``evaluate`` take for an image.

* **Links** are followed, to files and to folders, also out of the folder; but not into a folder that they lie in, and
  each link to a folder once, where it lies nearest to the top: links to each other's folders would have no end. Two
  links to one folder are both followed. The images that are reached through links are counted, and the links that are
  not followed. (A manifest refuses links that lead out of its folder, an archive follows none: either may be someone
  else's.)
* **Hidden** files and folders, what systems put beside images, and this product's own output are passed over and
  counted: ``components.storage.skips``.
* **An image** is a regular file with the ending of an image format, or one whose first bytes are those of an image
  format, whatever it is called. Its name must be UTF-8.
* **Every other file** has a reason. Only one that is obviously no image (``NOT_AN_IMAGE``; see ``other_files``) does
  not count as an image that is lost.

To change what counts as an image, or what is skipped, change this module.
"""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from components.storage.other_files import NOT_AN_IMAGE, seems_no_image, why_not_read
from components.storage.skips import Skips
from models.data.image_formats import has_image_magic

BROKEN_LINK = "broken link"

_IMAGES = ("jpg", "jpeg", "jpe", "jfif", "png", "bmp", "dib", "gif", "tif", "tiff", "webp", "pgm", "ppm", "pbm", "pnm")
_SUFFIXES = frozenset(f".{name}" for name in _IMAGES)


class File(NamedTuple):
    """One file of a folder.

    Attributes:
      path: relative to the folder, POSIX.
      bytes: its length.
      changed: another text whenever the file was written, replaced or moved here, whatever its times were set to.
      regular: whether it can be read as a file at all.
      linked: whether a link is on the way to it.
    """

    path: str
    bytes: int
    changed: str = ""
    regular: bool = True
    linked: bool = False


def is_skipped(path: str) -> bool:
    """Whether a path, or a folder on the way to it, is hidden or a system's."""
    return Skips().skips(path)


def why_not_an_image(file: File, beginning: Callable[[], bytes]) -> str:
    """The reason why a file is not an image, "" for an image.

    Args:
      beginning: reads its first ``MAGIC_BYTES`` bytes, or raises OSError; only called where the name does not decide.
    """
    if not file.regular:
        reason = BROKEN_LINK if file.linked and not file.changed else "not a regular file"
    elif printable(file.path) != file.path:
        reason = "its name is not UTF-8"
    elif _suffix(file.path) in _SUFFIXES:
        return ""
    else:
        try:
            first = beginning()
        except OSError as error:
            reason = f"cannot be read: {type(error).__name__}"
        else:
            return "" if has_image_magic(first) else why_not_read(file.path, file.bytes, first)
    return f"{NOT_AN_IMAGE}: {reason}" if seems_no_image(file.path) else reason


def _suffix(path: str) -> str:
    """As ``PurePath.suffix`` in lower case, in a tenth of its time."""
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return name[dot:].lower() if 0 < dot < len(name) - 1 else ""


def printable(name: str) -> str:
    """A file's name as UTF-8 can hold it."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def local_file(path: str, status: os.stat_result, linked: bool) -> File:
    """A file as the file system describes it."""
    # The last three because mv, tar, rsync and cp -p keep the time of a file's content.
    changed = f"{status.st_mtime_ns} {status.st_mode} {status.st_ctime_ns} {status.st_dev} {status.st_ino}"
    return File(path, status.st_size, changed, stat.S_ISREG(status.st_mode), linked)


class _Way(NamedTuple):
    """A folder on the walk: its path with a slash, and the device and inode of all folders that it lies in."""

    prefix: str
    above: frozenset[tuple[int, int]]


def walk(folder: Path, skips: Skips) -> Iterator[File]:
    """All files below a local folder that ``skips`` does not pass over, in no order."""
    outer = [one.stat() for one in folder.resolve().parents if os.path.exists(one)]  # noqa: PTH110 - False if unseen
    ways = [_Way("", frozenset((one.st_dev, one.st_ino) for one in outer))]
    followed: set[tuple[int, int, str]] = set()  # links: the device and inode of the folder that they lie in, the name
    linked = False
    while ways:  # the folder itself, then what its links lead to, then what links in those lead to
        links: list[tuple[_Way, tuple[int, int, str]]] = []
        for way in ways:
            yield from _walk_between_links(folder, skips, way, linked, links)
        ways, linked = [], True
        for way, link in sorted(links):
            if link in followed:
                skips.add_link(way.prefix[:-1])
            else:
                followed.add(link)
                ways.append(way)


def _walk_between_links(
    folder: Path, skips: Skips, way: _Way, linked: bool, links: list[tuple[_Way, tuple[int, int, str]]]
) -> Iterator[File]:
    """The files below ``way`` that no link to a folder leads to; adds those links to ``links``."""
    path = folder / way.prefix
    status = path.stat()
    here = (status.st_dev, status.st_ino)
    if here in way.above:
        skips.add_link(way.prefix[:-1])
        return
    with os.scandir(path) as scanned:
        entries = list(scanned)
    if way.prefix and skips.skips_output(way.prefix[:-1], {entry.name for entry in entries}):
        return
    for entry in entries:
        name = way.prefix + entry.name
        if skips.skips(name):
            continue
        is_link = entry.is_symlink()
        if _is_folder(entry):
            below = _Way(f"{name}/", way.above | {here})
            if is_link:
                links.append((below, (*here, entry.name)))
            else:
                yield from _walk_between_links(folder, skips, below, linked, links)
            continue
        try:
            status = entry.stat()
        except OSError:  # a link to nowhere
            yield File(name, 0, regular=False, linked=linked or is_link)
        else:
            yield local_file(name, status, linked or is_link)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except PermissionError:
        raise
    except OSError:  # a link to itself, or one behind more links than the system follows
        return False
