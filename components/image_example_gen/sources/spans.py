"""Scheduled increments: an address with ``{SPAN}`` in it, of which the newest ones are read."""

import re
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import NamedTuple

from components.image_example_gen.sources.layouts import count_identities
from components.image_example_gen.sources.source import Found, Listing, Reader, Source, digest_of
from components.storage.folders import open_folder
from models.errors import UserError

_SPAN = re.compile(r"\{SPAN(?::(\d+))?\}")


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


def has_span(address: str) -> bool:
    """Whether an address names increments."""
    return "{SPAN" in address


def find_spans(address: str) -> list[Span]:
    """The increments that exist, the oldest first. One exists as soon as its name does: publish by renaming.

    Args:
      address: holds ``{SPAN}``, or ``{SPAN:4}`` for numbers of four digits, once.

    Raises:
      UserError: the pattern is wrong, nothing matches, or two names have the same number.
    """
    patterns = list(_SPAN.finditer(address))
    if len(patterns) != 1 or address.count("{") != 1:
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


class SpanSource:
    """The images of some increments, the same identities in all of them.

    An image's id begins with its increment's text, so that ids are unique.

    Args:
      spans: which.
      open_one: opens the source of one increment's address.
    """

    def __init__(self, spans: Sequence[Span], open_one: Callable[[str], Source]) -> None:
        self.spans = tuple(spans)
        self._sources = {span.number: open_one(span.address) for span in spans}

    def list(self) -> Listing:
        listing = Listing([], [])
        hints = []
        for span in self.spans:
            one = self._sources[span.number].list()
            listing.found.extend(_in_span(found, span) for found in one.found)
            listing.set_aside.extend(
                entry._replace(image_id=f"{span.text}/{entry.image_id}") for entry in one.set_aside
            )
            hints.append(one.hint)
        return Listing(
            sorted(count_identities(listing.found)), sorted(listing.set_aside), next(filter(None, hints), "")
        )

    def fingerprint(self) -> str:
        return digest_of((*span, self._sources[span.number].fingerprint()) for span in self.spans)

    def reader(self) -> "_SpanReader":
        return _SpanReader(self._sources, {span.number: len(span.text) + 1 for span in self.spans})


class _SpanReader:
    def __init__(self, sources: dict[int, Source], prefixes: dict[int, int]) -> None:
        self._sources, self._prefixes = sources, prefixes
        self._open: dict[int, Reader] = {}

    def __enter__(self) -> "_SpanReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for reader in self._open.values():
            reader.__exit__(kind, error, trace)

    def read(self, found: Found, limit: int) -> bytes:
        if found.span not in self._open:
            self._open[found.span] = self._sources[found.span].reader().__enter__()
        own = found._replace(image_id=found.image_id[self._prefixes[found.span] :])
        return self._open[found.span].read(own, limit)


def _in_span(found: Found, span: Span) -> Found:
    identity = (
        f"{span.text} {found.identity}" if found.impostor_of else found.identity
    )  # each forgery is an identity of its own
    return found._replace(image_id=f"{span.text}/{found.image_id}", identity=identity, span=span.number)
