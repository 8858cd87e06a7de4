"""Which kind of source an address names."""

from typing import NamedTuple

from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.sources.archive import SUFFIXES as ARCHIVES
from components.image_example_gen.sources.archive import ArchiveSource
from components.image_example_gen.sources.folder import FolderSource
from components.image_example_gen.sources.manifest import ManifestSource
from components.image_example_gen.sources.manifest_rows import SUFFIXES as MANIFESTS
from components.image_example_gen.sources.source import Source
from components.image_example_gen.sources.spans import Span, SpanSource, find_spans, has_span
from components.storage.files import place_and_name, place_of


class Opened(NamedTuple):
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


def open_source(address: str, settings: IngestSettings) -> Opened:
    """The images at an address, by its form: a folder, a manifest, an archive, or increments of one (``{SPAN}``).

    Args:
      address: what ``data.source`` says: a path of this machine, or ``scheme://...`` that Beam reads.
      settings: how the images lie in it, and how many increments are read.

    Raises:
      UserError: no increment is there.
    """

    def open_one(one: str) -> Source:
        return _open(one, settings)

    if not has_span(address):
        return Opened(open_one(address))
    spans = find_spans(address)
    window = spans[-settings.spans :]
    before = spans[-settings.spans - 1 : -settings.spans]
    return Opened(SpanSource(window, open_one), tuple(window), SpanSource(before, open_one) if before else None)


def _open(address: str, settings: IngestSettings) -> Source:
    if address.lower().endswith(MANIFESTS):
        return ManifestSource(*place_and_name(address))
    if address.lower().endswith(ARCHIVES):
        return ArchiveSource(*place_and_name(address), settings.layout)
    return FolderSource(place_of(address), settings.layout)
