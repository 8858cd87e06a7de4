"""Which kind of source an address names."""

from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.sources.folder import FolderSource
from components.image_example_gen.sources.source import Source


def open_source(address: str, settings: IngestSettings) -> Source:
    """The source at an address, by its form: a folder of this machine.

    Args:
      address: what ``data.source`` says.
      settings: how the images lie in it.
    """
    return FolderSource(address, settings.layout)
