"""What every source of images offers (a listing, and the bytes of one image at a time), and how it registers itself."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from components.image_example_gen.settings import IngestSettings
from components.storage.digests import Digests
from components.storage.folders import Folder
from components.storage.other_files import NOT_AN_IMAGE
from models.data import image_formats

STRAY = NOT_AN_IMAGE  # what reasons begin with


class Found(NamedTuple):
    """An image that the source lists, and, from ``chunk`` on, what is known once it was read. One row in JSON.

    Attributes:
      image_id: unique and the same in every run: the path relative to the data root, POSIX.
      identity: unique over all groups; of a forgery, one that no other image has.
      group: "" where there are no groups.
      given_split: "train", "val" or "test" where the user sets it, else "".
      impostor_of: the identity that it pretends to show, else "".
      span: of scheduled increments, else 0.
      bytes: its length as listed.
      identity_images: images listed for its identity, itself included.
      chunk: number of the chunk that it was read in.
      split: its split, "" for an unusable image.
      digest: of the canonical pixels, hex; "" for an unusable image.
      perceptual: a hash that is near for images that look alike, hex; "" where it is off.
      reason: why it is set aside, "" for a usable image.
      untrimmed: whether trimming was skipped because it has the configured size already.
      divided: splits that are taken out of the given one, by the configured shares, with blanks between.
      dim: whether its pixels use a small part of their range.
    """

    image_id: str
    identity: str
    group: str
    given_split: str = ""
    impostor_of: str = ""
    span: int = 0
    bytes: int = 0
    identity_images: int = 1
    chunk: int = 0
    split: str = ""
    digest: str = ""
    perceptual: str = ""
    reason: str = ""
    untrimmed: bool = False
    divided: str = ""
    dim: bool = False


class SetAside(NamedTuple):
    """A file that is not used, and why: what stands before the reason's first colon is its kind.

    Attributes:
      identity: that loses an image by it, "" where that is not known.
    """

    image_id: str
    reason: str
    bytes: int
    identity: str = ""


class Listing(NamedTuple):
    """All files of a source, each once, sorted by path.

    Attributes:
      hint: what to change if too many are set aside, "" where nothing is known.
      passed_over: files and folders that are not even listed, by kind: see ``components.storage.skips``.
      linked: images that a link leads to.
      notes: what was read into the names, a sentence each.
    """

    found: list[Found]
    set_aside: list[SetAside]
    hint: str = ""
    passed_over: Mapping[str, int] = MappingProxyType({})
    linked: int = 0
    notes: tuple[str, ...] = ()


class Reader(Protocol):
    """An open source, in one worker. Used by one thread at a time unless documented otherwise."""

    def read(self, found: Found, limit: int) -> bytes:
        """The file's content; never more than ``limit`` bytes of it are in memory.

        Raises:
          UnreadableImage: it is longer, or its container is damaged there.
          OSError: it cannot be read.
        """


class Source(Protocol):
    """Images somewhere. Picklable: it is sent to Beam's workers."""

    @property
    def shareable(self) -> bool:
        """Whether a reader may be used by several threads, and several processes read as quickly as one."""

    def list(self) -> Listing:
        """Reads names, and of files whose names do not decide the first bytes.

        Raises:
          UserError: it does not exist, cannot be read, or holds no image where the layout has them.
        """

    def fingerprint(self, digests: Digests | None = None) -> str:
        """Changes whenever the results of ``list`` or ``read`` do: the content decides; SHA-256, hex.

        Raises:
          UserError: it does not exist.
        """

    def reader(self) -> AbstractContextManager[Reader]:
        """Opens it for as long as the context lasts."""


class SourceType(NamedTuple):
    """A kind of source.

    Attributes:
      name: for messages, "a manifest (.csv, .jsonl or .ndjson)".
      matches: whether an address is of this kind; of one address at most one kind.
      open: the source at an address; reads nothing.
    """

    name: str
    matches: Callable[[str], bool]
    open: Callable[[str, IngestSettings], Source]


SOURCE_TYPES: dict[str, SourceType] = {}  # filled by the modules of this folder, which ``address`` imports


def register_source(
    name: str, matches: Callable[[str], bool]
) -> Callable[[Callable[[str, IngestSettings], Source]], Callable[[str, IngestSettings], Source]]:
    """Decorates the function that opens a kind of source; see ``SourceType``."""

    def register(open_it: Callable[[str, IngestSettings], Source]) -> Callable[[str, IngestSettings], Source]:
        SOURCE_TYPES[name] = SourceType(name, matches, open_it)
        return open_it

    return register


def has_suffix(*suffixes: str) -> Callable[[str], bool]:
    """Whether an address ends with one of these, in any case."""
    return lambda address: address.lower().endswith(suffixes)


def digest_of(facts: Iterable[tuple[Any, ...]]) -> str:
    """SHA-256, hex, of facts about files in their order; file names need not be text."""
    digest = hashlib.sha256()
    for fact in facts:
        digest.update("\0".join(str(part) for part in fact).encode("utf-8", "surrogateescape") + b"\n")
    return digest.hexdigest()


def count_identities(found: list[Found]) -> list[Found]:
    """The same images, each with the number of images of its identity."""
    images = Counter(one.identity for one in found)
    return [one._replace(identity_images=images[one.identity]) for one in found]


class FolderReader:
    """Reads images by their path in a folder. May be used by several threads at once."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def read(self, found: Found, limit: int) -> bytes:
        if found.bytes > limit:  # not even opened
            raise image_formats.UnreadableImage(f"too many bytes: {found.bytes} > {limit}")
        with self._folder.open(found.image_id) as file:
            data = file.read(found.bytes + 1)  # to read up to the limit, so much memory would be set aside each time
            if len(data) > found.bytes:
                data += file.read(limit + 1 - len(data))
        if len(data) > limit:  # it grew
            raise image_formats.UnreadableImage(f"too many bytes: {len(data)} or more > {limit}")
        return data
