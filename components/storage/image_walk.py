"""The one walk over a folder of images: what ``run``, ``embed`` and ``evaluate`` take for an image.

* **Links** are followed, to files and to folders, also out of the folder; but not into a folder that they lie in. The
  images that are reached through links are counted. (A manifest refuses links that lead out of its folder, an archive
  follows none: either may be someone else's.)
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
from pathlib import Path, PurePosixPath
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
    elif PurePosixPath(file.path).suffix.lower() in _SUFFIXES:
        return ""
    else:
        try:
            first = beginning()
        except OSError as error:
            reason = f"cannot be read: {type(error).__name__}"
        else:
            return "" if has_image_magic(first) else why_not_read(file.path, file.bytes, first)
    return f"{NOT_AN_IMAGE}: {reason}" if seems_no_image(file.path) else reason


def printable(name: str) -> str:
    """A file's name as UTF-8 can hold it."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def local_file(path: str, status: os.stat_result, linked: bool) -> File:
    """A file as the file system describes it."""
    # The last three because mv, tar, rsync and cp -p keep the time of a file's content.
    changed = f"{status.st_mtime_ns} {status.st_mode} {status.st_ctime_ns} {status.st_dev} {status.st_ino}"
    return File(path, status.st_size, changed, stat.S_ISREG(status.st_mode), linked)


def walk(
    folder: Path,
    skips: Skips,
    prefix: str = "",
    above: frozenset[tuple[int, int]] = frozenset(),
    linked: bool = False,
) -> Iterator[File]:
    """All files below a local folder that ``skips`` does not pass over, in no order.

    The other arguments are of the recursion: the folder's path with a slash, the folders that it lies in, whether a
    link led into it.
    """
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:  # a link to a folder that it lies in
        return
    with os.scandir(folder) as scanned:
        entries = list(scanned)
    if prefix and skips.skips_output(prefix[:-1], {entry.name for entry in entries}):
        return
    for entry in entries:
        path = prefix + entry.name
        if skips.skips(path):
            continue
        link = linked or entry.is_symlink()
        if entry.is_dir():
            yield from walk(folder / entry.name, skips, path + "/", above | {here}, link)
            continue
        try:
            status = entry.stat()
        except OSError:  # a link to nowhere
            yield File(path, 0, regular=False, linked=link)
        else:
            yield local_file(path, status, link)
