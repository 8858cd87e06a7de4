"""Which kind of source an address names. A new kind is one module in this folder that calls ``register_source``."""

import importlib
import pkgutil
from functools import cache
from typing import NamedTuple

from components.image_example_gen import sources
from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.sources.folder import open_folder_source
from components.image_example_gen.sources.source import SOURCE_TYPES, Source
from components.image_example_gen.sources.spans import Span, SpanSource, find_spans, has_span


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

    def fingerprint(self) -> str:
        """Changes whenever what is ingested or compared with does; SHA-256, hex."""
        return self.source.fingerprint() + (self.previous.fingerprint() if self.previous else "")


def open_source(address: str, settings: IngestSettings) -> OpenedSource:
    """The images at an address: of the source that matches it, else of a folder; with ``{SPAN}``, of its increments.

    Args:
      address: ``data.source``: a path of this machine, or ``scheme://...`` that Beam reads.
      settings: how the images lie in it, and how many increments are read.

    Raises:
      UserError: no increment exists.
    """

    def open_one(one: str) -> Source:
        return _open(one, settings)

    if not has_span(address):
        return OpenedSource(open_one(address))
    spans = find_spans(address)
    window = spans[-settings.spans :]
    before = spans[-settings.spans - 1 : -settings.spans]
    return OpenedSource(SpanSource(window, open_one), tuple(window), SpanSource(before, open_one) if before else None)


def _open(address: str, settings: IngestSettings) -> Source:
    _discover(tuple(sources.__path__))
    for kind in SOURCE_TYPES.values():
        if kind.matches(address):
            return kind.open(address, settings)
    return open_folder_source(address, settings)


@cache
def _discover(folders: tuple[str, ...]) -> None:
    """Imports all modules of the package, so that each registers what it reads."""
    for module in pkgutil.iter_modules(folders):
        importlib.import_module(f"{sources.__name__}.{module.name}")
