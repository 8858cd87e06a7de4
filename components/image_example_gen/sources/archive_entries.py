"""What an archive's entries are, whatever kind of archive it is: usable, to be set aside, or a reason to refuse it."""

import posixpath
import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from components.image_example_gen.settings import Layout
from components.image_example_gen.sources.layouts import DEPTHS, EXTENSIONS, listed, printable
from components.image_example_gen.sources.source import STRAY, Listing, SetAside
from components.storage.files import File
from models.errors import UserError

RATIO = 200  # more often than this no image holds itself: what unpacks to more is made to fill memory or time
MANY_BYTES = 256 * 1024**2  # below, a whole archive may unpack to as much as it likes
_SOME_BYTES = 1024**2  # and so may one entry

_DRIVE = re.compile(r"[A-Za-z]:")


class Located(NamedTuple):
    """Where the bytes of an entry lie.

    Attributes:
      offset: of its header in a zip, of its data in a tar.
      packed: bytes as they lie there.
      bytes: unpacked, as the archive says.
      method: of zip.
      crc: of zip.
    """

    offset: int
    packed: int
    bytes: int
    method: int = 0
    crc: int = 0


class Entry(NamedTuple):
    """One entry of an archive.

    Attributes:
      name: as it is written there.
      kind: "other" for devices and pipes.
      located: its bytes.
      target: of a link, relative to the archive's root.
      problem: why it cannot be read, "" where it can.
    """

    name: str
    kind: Literal["file", "folder", "link", "other"]
    located: Located
    target: str = ""
    problem: str = ""


class Contents(NamedTuple):
    """What an archive gives.

    Attributes:
      listing: of its images.
      located: every image's bytes, by its path in the listing.
    """

    listing: Listing
    located: dict[str, Located]


def contents_of(address: str, entries: Iterable[Entry], length: int, layout: Layout) -> Contents:
    """The usable images among the entries.

    Args:
      address: the archive's, for messages.
      entries: in any order.
      length: bytes of the archive.
      layout: what the folders stand for.

    Raises:
      UserError: an entry would leave the archive, all of them unpack to far more than images do, or none is an image.
    """
    located: dict[str, Located] = {}
    aside: dict[str, SetAside] = {}
    refused: list[str] = []
    for entry in entries:
        fault = _escapes(entry)
        if fault:
            refused.append(f"{printable(entry.name)!r} {fault}")
            continue
        path = posixpath.normpath(entry.name)
        if entry.kind == "folder" or _passed_over(path):
            continue
        reason = "ambiguous: it is there twice" if path in located or path in aside else _unusable(entry)
        if reason:
            located.pop(path, None)
            aside[path] = SetAside(printable(path), reason, entry.located.bytes)
        else:
            located[path] = entry.located
    if refused:
        more = f" (and {len(refused) - 1:,} more)" if len(refused) > 1 else ""
        raise UserError(f"{address}: refused: its entry {refused[0]}{more}; pack it anew without")
    unpacked = sum(one.bytes for one in located.values())
    if unpacked > max(MANY_BYTES, RATIO * length):
        raise UserError(f"{address}: refused: its {length:,} bytes unpack to {unpacked:,}, which images never do")
    return _listed(address, located, list(aside.values()), layout)


def _listed(address: str, located: dict[str, Located], aside: list[SetAside], layout: Layout) -> Contents:
    start = len(_top_folder(located, layout))
    by_path = {path[start:] if start else path: one for path, one in located.items()}
    try:
        listing = listed(address, (File(path, one.bytes) for path, one in sorted(by_path.items())), layout)
    except UserError as error:
        if aside:
            raise UserError(f"{error}; {len(aside):,} of its entries cannot be used ({aside[0].reason})") from None
        raise
    images = {found.image_id for found in listing.found}
    listing = listing._replace(set_aside=sorted([*listing.set_aside, *aside]))
    return Contents(listing, {path: one for path, one in by_path.items() if path in images})


def _top_folder(paths: Iterable[str], layout: Layout) -> str:
    """The folder that holds everything, with its slash, if images lie where the layout has them only below it."""
    paths = list(paths)
    images = [path for path in paths if "." in path[-6:] and posixpath.splitext(path)[1].lower() in EXTENSIONS]
    top = ""
    while images:
        rest = [path[len(top) :] for path in images]
        if any(path.count("/") + 1 == DEPTHS[layout] for path in rest):
            break
        folders = {path.partition("/")[0] for path in rest}
        if len(folders) != 1 or any("/" not in path for path in rest):
            return ""
        top += folders.pop() + "/"
    return top if all(path.startswith(top) for path in paths) else ""


def _escapes(entry: Entry) -> str:
    """What is wrong with the entry's name or where it leads, "" if nothing is."""
    name = entry.name
    if "\0" in name:
        return "has a character that no name can have"
    if "\\" in name:
        return "has a backslash, where / is to stand between folders"
    if name.startswith("/") or _DRIVE.match(name):
        return "is absolute"
    if ".." in name.split("/"):
        return "leaves the archive"
    if entry.kind == "link":
        target = entry.target.replace("\\", "/")
        above = posixpath.normpath(target).split("/")[0] == ".."
        if above or target.startswith("/") or any(map(_DRIVE.match, target.split("/"))):
            return f"is a link that leaves the archive ({printable(entry.target)[:200]!r})"
    return ""


def _passed_over(path: str) -> bool:
    parts = path.split("/")
    return parts[0] == "__MACOSX" or any(part.startswith(".") for part in parts)


def _unusable(entry: Entry) -> str:
    if entry.kind == "link":
        return f"{STRAY}: a link; in an archive none is followed"
    if entry.kind == "other":
        return f"{STRAY}: not a regular file"
    packed, unpacked = entry.located.packed, entry.located.bytes
    if not entry.problem and unpacked > max(_SOME_BYTES, RATIO * packed):
        return f"suspicious: its {packed} bytes unpack to {unpacked}"
    return entry.problem
