"""What every place of images gives: a listing, and the bytes of one image at a time."""

import hashlib
from collections.abc import Iterable
from types import TracebackType
from typing import Any, NamedTuple, Protocol

from components.storage.files import Place
from models.data import image_formats

STRAY, MISPLACED = "not an image file", "misplaced"  # what reasons begin with


class Found(NamedTuple):
    """An image file at its right place.

    Attributes:
      image_id: unique and the same in every run: the path relative to the data root, POSIX.
      identity: unique over all groups; of a forgery, one that no other image has.
      group: "" where there are no groups.
      given_split: "train", "val" or "test" where the user says so, else "".
      impostor_of: the identity that it pretends to show, else "".
      span: of scheduled increments, else 0.
      bytes: its length as listed.
      identity_images: images listed for its identity, itself included.
    """

    image_id: str
    identity: str
    group: str
    given_split: str = ""
    impostor_of: str = ""
    span: int = 0
    bytes: int = 0
    identity_images: int = 1


class SetAside(NamedTuple):
    """A file that is not used, and why: what stands before the reason's first colon is its kind."""

    image_id: str
    reason: str
    bytes: int


class Listing(NamedTuple):
    """All files of a source, each once, sorted by path.

    Attributes:
      hint: what to change if too many are set aside, "" where nothing is known.
    """

    found: list[Found]
    set_aside: list[SetAside]
    hint: str = ""


class Reader(Protocol):
    """An open source, in one worker. Used by one thread at a time unless it says otherwise."""

    def __enter__(self) -> "Reader": ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def read(self, found: Found, limit: int) -> bytes:
        """The whole file; never more than ``limit`` bytes of it come into memory.

        Raises:
          UnreadableImage: it is longer, or its container is damaged there.
          OSError: it cannot be read.
        """


class Source(Protocol):
    """A place of images. Picklable: it travels to Beam's workers."""

    def list(self) -> Listing:
        """Reads names, never images.

        Raises:
          UserError: it is not there, cannot be read, or holds no image where the layout has them.
        """

    def fingerprint(self) -> str:
        """Changes whenever what ``list`` and ``read`` give does; SHA-256, hex.

        Raises:
          UserError: it is not there.
        """

    def reader(self) -> Reader:
        """Opens it."""


def digest_of(facts: Iterable[tuple[Any, ...]]) -> str:
    """SHA-256, hex, of facts about files in their order; file names need not be text."""
    digest = hashlib.sha256()
    for fact in facts:
        digest.update("\0".join(str(part) for part in fact).encode("utf-8", "surrogateescape") + b"\n")
    return digest.hexdigest()


class PlaceReader:
    """Reads images by their path in a place. May be used by several threads at once."""

    def __init__(self, place: Place, prefix: str = "") -> None:
        self._place, self._prefix = place, prefix

    def __enter__(self) -> "PlaceReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def read(self, found: Found, limit: int) -> bytes:
        if found.bytes > limit:  # not even opened
            raise image_formats.UnreadableImage(f"too many bytes: {found.bytes} > {limit}")
        with self._place.open(self._prefix + found.image_id) as file:
            data = file.read(limit + 1)
        if len(data) > limit:  # it grew
            raise image_formats.UnreadableImage(f"too many bytes: {len(data)} or more > {limit}")
        return data
