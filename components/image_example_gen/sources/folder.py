"""A folder of images, local or in a store: what an address names that no other source matches."""

from collections.abc import Sequence

from components.image_example_gen.settings import IngestSettings, Layout
from components.image_example_gen.sources.layouts import FORMS, list_images
from components.image_example_gen.sources.source import SOURCE_TYPES, FolderReader, Listing, digest_of
from components.storage.folders import Folder, beginning_of, open_folder
from components.storage.image_walk import File, why_not_an_image
from models.errors import UserError


class FolderSource:
    """``<identity>/<image>`` or ``<group>/<identity>/<image>``; see ``components.storage.image_walk``."""

    def __init__(self, folder: Folder, layout: Layout) -> None:
        self._folder, self._layout = folder, layout

    def list(self) -> Listing:
        return list_images(self._folder.address, self._files(), self._layout, self._why_not_an_image)

    def fingerprint(self) -> str:
        return digest_of((file.path, file.bytes, file.changed) for file in self._files())

    def reader(self) -> FolderReader:
        return FolderReader(self._folder)

    def _why_not_an_image(self, file: File) -> str:
        return why_not_an_image(file, beginning_of(self._folder, file))

    def _files(self) -> Sequence[File]:
        try:
            return self._folder.files()
        except UserError as error:
            expected = ", or ".join([f"a folder of {' or '.join(FORMS.values())}", *SOURCE_TYPES])
            raise UserError(f"{error}; expected {expected}", code=error.code) from None


def open_folder_source(address: str, settings: IngestSettings) -> FolderSource:
    """The images of a folder."""
    return FolderSource(open_folder(address), settings.layout)
