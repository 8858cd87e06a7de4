"""The entries of an archive of any format: images, files to set aside, and reasons to refuse the archive."""

import posixpath
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Literal, NamedTuple

from components.image_example_gen.settings import Layout
from components.image_example_gen.sources.folder import list_images
from components.image_example_gen.sources.layout import DEPTHS, split_folders
from components.image_example_gen.sources.source import STRAY, Listing, SetAside
from components.storage.image_walk import File, printable, why_not_an_image
from components.storage.other_files import seems_no_image
from components.storage.skips import Skips
from models.errors import UserError

RATIO = 200  # of bytes to compressed bytes: no image has a larger one, an archive bomb has
MANY_BYTES = 256 * 1024**2  # below, the ratio of an archive does not matter
_SOME_BYTES = 1024**2  # nor that of one entry

_DRIVE = re.compile(r"[A-Za-z]:")


class Located(NamedTuple):
    """Where the bytes of an entry lie.

    Attributes:
      offset: of its header in a zip, of its data in a tar.
      packed: compressed bytes.
      bytes: decompressed, by the archive's directory.
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
      name: as written in the archive.
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
    """The images of an archive.

    Attributes:
      listing: of them.
      located: every image's bytes, by its path in the listing.
    """

    listing: Listing
    located: dict[str, Located]


def contents_of(
    address: str,
    entries: Iterable[Entry],
    length: int,
    layout: Layout,
    beginning: Callable[[Located], bytes],
    skips: Skips,
) -> Contents:
    """The usable images among the entries.

    Args:
      length: bytes of the archive.
      beginning: reads the first bytes of an entry, once all entries are known.
      skips: what is passed over.

    Raises:
      UserError: an entry would leave the archive, all of them extract to far more than images do, or none is an image.
    """
    located: dict[str, Located] = {}
    aside: dict[str, SetAside] = {}
    refused: list[str] = []
    for entry in entries:
        problem = _escapes(entry)
        if problem:
            refused.append(f"{printable(entry.name)!r} {problem}")
            continue
        path = posixpath.normpath(entry.name)
        if entry.kind == "folder":
            continue
        reason = "ambiguous: its name is in the archive twice" if path in located or path in aside else _unusable(entry)
        if reason:
            located.pop(path, None)
            aside[path] = SetAside(printable(path), reason, entry.located.bytes)
        else:
            located[path] = entry.located
    kept = set(skips.kept([*located, *aside]))
    located = {path: one for path, one in located.items() if path in kept}
    aside = {path: one for path, one in aside.items() if path in kept}
    if refused:
        more = f" (and {len(refused) - 1:,} more)" if len(refused) > 1 else ""
        message = f"{address}: refused: its entry {refused[0]}{more}; pack it again without"
        raise UserError(message, code="data-archive-refused")
    extracted = sum(one.bytes for one in located.values())
    if extracted > max(MANY_BYTES, RATIO * length):
        message = f"{address}: refused: its {length:,} bytes extract to {extracted:,}, which images never do"
        raise UserError(message, code="data-archive-refused")
    return _contents(address, located, list(aside.values()), layout, beginning, skips)


def _contents(
    address: str,
    located: dict[str, Located],
    aside: list[SetAside],
    layout: Layout,
    beginning: Callable[[Located], bytes],
    skips: Skips,
) -> Contents:
    reasons = {path: why_not_an_image(File(path, one.bytes), partial(beginning, one)) for path, one in located.items()}
    top = _top_folder(located, [path for path, reason in reasons.items() if not reason], layout)
    by_path = {path.removeprefix(top): one for path, one in located.items()}
    files = (File(path, one.bytes) for path, one in sorted(by_path.items()))
    try:
        listing = list_images(address, files, layout, lambda file: reasons[top + file.path], skips)
    except UserError as error:
        if aside:
            message = f"{error}; {len(aside):,} of its entries cannot be used ({aside[0].reason})"
            raise UserError(message, code=error.code) from None
        raise
    images = {found.image_id for found in listing.found}
    listing = listing._replace(set_aside=sorted([*listing.set_aside, *aside]))
    return Contents(listing, {path: one for path, one in by_path.items() if path in images})


def _top_folder(paths: Iterable[str], images: list[str], layout: Layout) -> str:
    """The folder that holds everything, with its slash, if images lie at the layout's depth only below it."""
    top = ""
    while images:
        rest = [path[len(top) :] for path in images]
        depth = DEPTHS[layout]
        if any(path.count("/") + 1 == depth for path in rest) or any(
            split_folders((p.split("/") for p in rest), depth)
        ):
            break
        folders = {path.partition("/")[0] for path in rest}
        if len(folders) != 1 or any("/" not in path for path in rest):
            return ""
        top += folders.pop() + "/"
    return top if all(path.startswith(top) for path in paths) else ""


def _escapes(entry: Entry) -> str:
    """What is wrong with the entry's name or the target of its link, "" if nothing is."""
    name = entry.name
    if "\0" in name:
        return "has a character that no name can have"
    if "\\" in name:
        return "has a backslash; folders are separated by /"
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


def _unusable(entry: Entry) -> str:
    if entry.kind != "file":
        other = "a link: archives are read without following links" if entry.kind == "link" else "not a regular file"
        return f"{STRAY}: {other}" if seems_no_image(entry.name) else other
    packed, size = entry.located.packed, entry.located.bytes
    if not entry.problem and size > max(_SOME_BYTES, RATIO * packed):
        return f"suspicious: its {packed} bytes extract to {size}"
    return entry.problem
