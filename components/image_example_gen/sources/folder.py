"""A folder of images, here or in a store."""

from collections.abc import Sequence

from components.image_example_gen.settings import Layout
from components.image_example_gen.sources.layouts import FORMS, listed
from components.image_example_gen.sources.source import Listing, PlaceReader, digest_of
from components.storage.files import File, Place
from models.errors import UserError


class FolderSource:
    """``<identity>/<image>`` or ``<group>/<identity>/<image>``. Hidden files are passed over."""

    def __init__(self, place: Place, layout: Layout) -> None:
        self._place, self._layout = place, layout

    def list(self) -> Listing:
        return listed(self._place.address, self._files(), self._layout)

    def fingerprint(self) -> str:
        return digest_of((file.path, file.bytes, file.changed) for file in self._files())

    def reader(self) -> PlaceReader:
        return PlaceReader(self._place)

    def _files(self) -> Sequence[File]:
        try:
            return self._place.files()
        except UserError as error:
            raise UserError(
                f"{error}; expected a folder of {' or '.join(FORMS.values())}, a manifest or an archive"
            ) from None
