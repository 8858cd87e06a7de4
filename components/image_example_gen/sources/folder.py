"""Images in folders, of any source: a row for each, with what the folders above it say; and a folder's own source.

A folder, local or in a store, is what an address names that no other source matches.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext

from components.image_example_gen.settings import IngestSettings, Layout
from components.image_example_gen.sources.layout import FORMS, fitting_layout, nothing_found, read_folders
from components.image_example_gen.sources.source import (
    SOURCE_TYPES,
    STRAY,
    FolderReader,
    Found,
    Listing,
    SetAside,
    count_identities,
    digest_of,
)
from components.storage.folders import Folder, beginning_of, open_folder
from components.storage.image_walk import BROKEN_LINK, File, printable, why_not_an_image
from models.data.features import SPLITS
from models.errors import UserError


class FolderSource:
    """``<identity>/<image>`` or ``<group>/<identity>/<image>``; see ``components.storage.image_walk``."""

    def __init__(self, folder: Folder, layout: Layout) -> None:
        self._folder, self._layout = folder, layout

    def list(self) -> Listing:
        return list_images(self._folder.address, self._files(), self._layout, self._why_not_an_image)

    def fingerprint(self) -> str:
        return digest_of((file.path, file.bytes, file.changed) for file in self._files())

    def reader(self) -> AbstractContextManager[FolderReader]:
        return nullcontext(FolderReader(self._folder))

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


def list_images(
    address: str, files: Iterable[File], layout: Layout, why_not_an_image: Callable[[File], str]
) -> Listing:
    """The images among some files, with their identities, and with their splits where folders are named after those.

    Args:
      files: sorted by path.

    Raises:
      UserError: no image lies where the layout has them, or splits do where it has identities or groups.
    """
    judged = [(file, file.path.split("/"), why_not_an_image(file)) for file in files]
    folders = read_folders(address, [parts for _, parts, reason in judged if not reason.startswith(STRAY)], layout)
    found: list[Found] = []
    set_aside: list[SetAside] = []
    for file, parts, why_not in judged:
        reason = why_not or folders.misplaced(parts)
        identity = folders.identity(parts, folder=reason == BROKEN_LINK)
        if reason:
            lost = "" if reason.startswith(STRAY) else printable(identity)
            set_aside.append(SetAside(printable(file.path), reason, file.bytes, lost))
            continue
        group = identity.partition("/")[0] if layout == "group/identity" else ""
        split = folders.split(parts)
        divided = folders.divided if split == SPLITS[0] else ()
        found.append(Found(file.path, identity, group, split, bytes=file.bytes, divided=" ".join(divided)))
    if not found:
        images = [parts for _, parts, reason in judged if not reason]
        others = Counter(reason for _, _, reason in judged if reason)
        raise UserError(nothing_found(address, images, layout, others), code="data-no-images")
    misplaced = [parts for _, parts, reason in judged if not reason and folders.misplaced(parts)]
    fitting = None if folders.splits else fitting_layout(misplaced, layout)
    fits = fitting is not None and fitting[1] > len(found)
    hint = f"; data.layout: {fitting[0]} would fit {fitting[1]} images" if fitting and fits else ""
    return Listing(count_identities(found), set_aside, hint, tuple(filter(None, [folders.note()])))
