"""The entries of a tar archive that is not compressed, and the bytes of one."""

import posixpath
import tarfile
from collections.abc import Iterator
from typing import BinaryIO, Literal, cast

from components.image_example_gen.sources.archive_entries import Entry, Located
from components.image_example_gen.sources.source import STRAY
from models.data.image_formats import UnreadableImage
from models.errors import UserError

_LONGEST_HEADER = 1024**2  # bytes; of an extended one


def entries(address: str, file: BinaryIO, length: int) -> Iterator[Entry]:
    """What the archive holds, in its order, one at a time in memory.

    Raises:
      UserError: it is no tar archive, or damaged: what comes after that place would be lost unsaid.
    """
    bounded = cast(BinaryIO, _Bounded(file))
    offset = -1
    try:
        with tarfile.open(fileobj=bounded, mode="r:", encoding="utf-8", errors="surrogateescape") as archive:
            while (member := archive.next()) is not None:
                if member.size < 0 or archive.offset <= offset or member.offset_data + member.size > length:
                    raise tarfile.ReadError("an entry would lie outside of the file")
                offset = archive.offset
                yield _entry(member)
                archive.members.clear()  # type: ignore[attr-defined]  # else all of them are kept
            _check_ends(bounded, archive.offset)
    except (tarfile.TarError, OSError, ValueError, OverflowError, RecursionError) as error:
        what = "no zip or tar archive" if offset < 0 else f"damaged after byte {offset:,}, or not wholly copied"
        raise UserError(f"{address}: {what}: {error}") from error


def read(file: BinaryIO, located: Located) -> bytes:
    """The bytes of one entry.

    Raises:
      UnreadableImage: the archive ends before.
    """
    file.seek(located.offset)
    data = file.read(located.bytes)
    if len(data) < located.bytes:
        raise UnreadableImage("damaged: the archive ends within it")
    return data


def _entry(member: tarfile.TarInfo) -> Entry:
    located = Located(member.offset_data, member.size, member.size)
    kind: Literal["file", "folder", "link", "other"] = "other"
    target = problem = ""
    if member.isdir():
        kind = "folder"
    elif member.issym():
        kind, target = "link", posixpath.join(posixpath.dirname(member.name), member.linkname)
    elif member.islnk():  # to an earlier entry, from the root
        kind, target = "link", member.linkname
    elif member.isfile():
        kind = "file"
        problem = f"{STRAY}: a sparse file" if member.issparse() else ""
    return Entry(member.name, kind, located, target, problem)


def _check_ends(file: BinaryIO, offset: int) -> None:
    """What ``tarfile`` does not do: it takes a header that it cannot read for the end of the archive."""
    file.seek(offset)
    if file.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise tarfile.ReadError("a header that cannot be read")


class _Bounded:
    """What tarfile reads headers through, as long as they say to be."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self._file.read(size)
