"""Which source an address names: one kind of source, or, with ``{SPAN}`` in it, scheduled increments.

A new kind is one module in this folder that calls ``register_source``.
"""

import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

from components.image_example_gen import sources
from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.sources.folder import open_folder_source
from components.image_example_gen.sources.source import (
    SOURCE_TYPES,
    Found,
    Listing,
    Reader,
    Source,
    count_identities,
    digest_of,
)
from components.storage.digests import Digests
from components.storage.folders import open_folder
from models.addresses import is_address
from models.errors import UserError

_SPAN = re.compile(r"\{SPAN(?::(\d+))?\}")
_PLACEHOLDER = re.compile(r"\{[A-Z]")


class Span(NamedTuple):
    """One increment.

    Attributes:
      number: newer ones are greater.
      text: as in its address, "0007".
      address: with the text instead of the pattern.
    """

    number: int
    text: str
    address: str


class SpanSource:
    """The images of some increments, the same identities in all of them.

    An image's id begins with its increment's text, so that ids are unique.
    """

    def __init__(self, spans: Sequence[Span], open_one: Callable[[str], Source]) -> None:
        self.spans = tuple(spans)
        self._sources = {span.number: open_one(span.address) for span in spans}

    @property
    def shareable(self) -> bool:
        return False  # its reader opens the spans one after the other

    def list(self) -> Listing:
        listings = [(span, self._sources[span.number].list()) for span in self.spans]
        found = [_in_span(image, span) for span, one in listings for image in one.found]
        aside = [
            file._replace(image_id=f"{span.text}/{file.image_id}") for span, one in listings for file in one.set_aside
        ]
        hint = next((one.hint for _, one in listings if one.hint), "")
        passed_over = dict(sum((Counter(one.passed_over) for _, one in listings), Counter()))
        linked = sum(one.linked for _, one in listings)
        notes = tuple(dict.fromkeys(note for _, one in listings for note in one.notes))
        return Listing(sorted(count_identities(found)), sorted(aside), hint, passed_over, linked, notes)

    def fingerprint(self, digests: Digests | None = None) -> str:
        return digest_of((*span, self._sources[span.number].fingerprint(digests)) for span in self.spans)

    @contextmanager
    def reader(self) -> Iterator["_SpanReader"]:
        with ExitStack() as stack:
            yield _SpanReader(self._sources, stack)


class _SpanReader:
    def __init__(self, sources: dict[int, Source], stack: ExitStack) -> None:
        self._sources, self._stack = sources, stack
        self._open: dict[int, Reader] = {}

    def read(self, found: Found, limit: int) -> bytes:
        if found.span not in self._open:
            self._open[found.span] = self._stack.enter_context(self._sources[found.span].reader())
        own = found._replace(image_id=found.image_id.partition("/")[2])
        return self._open[found.span].read(own, limit)


def _in_span(found: Found, span: Span) -> Found:
    # Each forgery is an identity of its own.
    identity = f"{span.text} {found.identity}" if found.impostor_of else found.identity
    return found._replace(image_id=f"{span.text}/{found.image_id}", identity=identity, span=span.number)


class OpenedSource(NamedTuple):
    """What is to be ingested.

    Attributes:
      source: the images.
      spans: the increments that they are of, the oldest first; none where the address has no ``{SPAN}``.
      previous: the increment before those, where there is one: what is new is compared with it.
    """

    source: Source
    spans: tuple[Span, ...] = ()
    previous: SpanSource | None = None

    def fingerprint(self, digests: Digests | None = None) -> str:
        """Changes whenever what is ingested or compared with does; SHA-256, hex."""
        return self.source.fingerprint(digests) + (self.previous.fingerprint(digests) if self.previous else "")


def open_source(address: str, settings: IngestSettings) -> OpenedSource:
    """The images at an address: of the source that matches it, else of a folder; with ``{SPAN}``, of its increments.

    Args:
      address: ``data.source``: a path of this machine, or ``scheme://...``.

    Raises:
      UserError: no increment exists.
    """

    def open_one(one: str) -> Source:
        return _open(one, settings)

    if "{SPAN" not in address or _exists(address):  # a folder may be called anything
        return OpenedSource(open_one(address))
    spans = find_spans(address)
    window = spans[-settings.spans :]
    before = spans[-settings.spans - 1 : -settings.spans]
    return OpenedSource(SpanSource(window, open_one), tuple(window), SpanSource(before, open_one) if before else None)


def find_spans(address: str) -> list[Span]:
    """The increments that exist, the oldest first. One exists as soon as its name does: publish by renaming.

    Args:
      address: holds ``{SPAN}``, or ``{SPAN:4}`` for numbers of four digits, once.

    Raises:
      UserError: the pattern is wrong, nothing matches, or two names have the same number.
    """
    patterns = list(_SPAN.finditer(address))
    if len(patterns) != 1 or len(_PLACEHOLDER.findall(address)) != 1:  # TFX knows {DATE}, this does not
        message = f"{address}: must hold {{SPAN}} or {{SPAN:WIDTH}} once, as in day-{{SPAN}}/images"
        raise UserError(message, code="data-span-pattern")
    (pattern,) = patterns
    begin = address.rfind("/", 0, pattern.start()) + 1
    end = address.find("/", pattern.end())
    name = address[begin:] if end < 0 else address[begin:end]
    rest = "" if end < 0 else address[end:]
    digits = rf"\d{{{pattern[1]}}}" if pattern[1] else r"\d+"
    before, after = address[begin : pattern.start()], name[pattern.end() - begin :]
    pattern_of_name = re.compile(rf"{re.escape(before)}({digits}){re.escape(after)}", re.ASCII)
    folder = address[:begin] or "."
    spans: dict[int, Span] = {}
    for one in open_folder(folder).names():
        if match := pattern_of_name.fullmatch(one):
            span = Span(int(match[1]), match[1], f"{address[:begin]}{one}{rest}")
            if span.number in spans:
                other = spans[span.number].address
                message = f"{span.address} and {other} are both span {span.number}; remove or rename one"
                raise UserError(message, code="data-span-ambiguous")
            spans[span.number] = span
    if not spans:
        message = f"{address}: no span found: {folder} holds nothing called {name}, with a number"
        raise UserError(message, code="data-span-missing")
    return [spans[number] for number in sorted(spans)]


def _open(address: str, settings: IngestSettings) -> Source:
    _discover(tuple(sources.__path__))
    is_folder = _holds_something(address)  # whatever its name ends with
    for kind in SOURCE_TYPES.values():
        if kind.matches(address) and not is_folder:
            return kind.open(address, settings)
    return open_folder_source(address, settings)


def _exists(address: str) -> bool:
    return not is_address(address) and Path(address).exists()


def _holds_something(address: str) -> bool:
    """Whether it is a folder of this machine with something in it."""
    try:
        return not is_address(address) and any(Path(address).iterdir())
    except OSError:  # no folder, or none that may be read
        return False


@cache
def _discover(folders: tuple[str, ...]) -> None:
    """Imports all modules of the package, so that each registers what it reads."""
    for module in pkgutil.iter_modules(folders):
        importlib.import_module(f"{sources.__name__}.{module.name}")
