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
from components.storage.digests import Digests
from components.storage.folders import Folder, beginning_of, open_folder
from components.storage.image_walk import BROKEN_LINK, File, printable, why_not_an_image
from components.storage.skips import SYSTEM_NAMES, Skips
from models.data.features import SPLITS
from models.errors import UserError

UNLABELLED = "images without a label"  # what is counted as passed over, beside the kinds of ``Skips``


class FolderSource:
    """``<identity>/<image>`` or ``<group>/<identity>/<image>``; see ``components.storage.image_walk``.

    Args:
      skip: names that are passed over.
      max_bytes: of a longer file, which is never read, only the beginning counts.
    """

    shareable = True

    def __init__(
        self, folder: Folder, layout: Layout, skip: Sequence[str] = SYSTEM_NAMES, max_bytes: int | None = None
    ) -> None:
        self._folder, self._layout, self._skip, self._max_bytes = folder, layout, skip, max_bytes

    def list(self) -> Listing:
        skips = Skips(self._skip)
        files = self._files(skips)
        return list_images(self._folder.address, files, self._layout, self._why_not_an_image, skips)

    def fingerprint(self, digests: Digests | None = None) -> str:
        files = self._files(Skips(self._skip))
        contents = (digests or Digests()).of(self._folder, files, self._max_bytes)
        return digest_of((file.path, file.bytes, one) for file, one in zip(files, contents, strict=True))

    def reader(self) -> AbstractContextManager[FolderReader]:
        return nullcontext(FolderReader(self._folder))

    def _why_not_an_image(self, file: File) -> str:
        return why_not_an_image(file, beginning_of(self._folder, file))

    def _files(self, skips: Skips) -> Sequence[File]:
        try:
            return self._folder.files(skips)
        except UserError as error:
            if error.code != "data-folder-missing":
                raise
            expected = ", or ".join([f"a folder of {' or '.join(FORMS.values())}", *SOURCE_TYPES])
            raise UserError(f"{error}; expected {expected}", code=error.code) from None


def open_folder_source(address: str, settings: IngestSettings) -> FolderSource:
    """The images of a folder."""
    return FolderSource(open_folder(address), settings.layout, settings.skip, settings.max_bytes)


def list_images(
    address: str,
    files: Iterable[File],
    layout: Layout,
    why_not_an_image: Callable[[File], str],
    skips: Skips,
) -> Listing:
    """The images among some files, with their identities, and with their splits where folders are named after those.

    Args:
      files: sorted by path.
      skips: what was passed over before.

    Raises:
      UserError: no image lies where the layout has them, or splits do where it has identities or groups.
    """
    judged = [(file, file.path.split("/"), why_not_an_image(file)) for file in files]
    folders = read_folders(address, [parts for _, parts, reason in judged if not reason.startswith(STRAY)], layout)
    found: list[Found] = []
    set_aside: list[SetAside] = []
    linked = unlabelled = 0
    for file, parts, why_not in judged:
        if not why_not and folders.has_no_label(parts):
            unlabelled += 1
            continue
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
        linked += file.linked
    passed_over = {**skips.counts(), **({UNLABELLED: unlabelled} if unlabelled else {})}
    if not found:
        images = [parts for _, parts, reason in judged if not reason]
        others = Counter(reason for _, _, reason in judged if reason)
        also = ", ".join(f"{kind} ({count:,})" for kind, count in passed_over.items())
        message = nothing_found(address, images, layout, others) + (f"; passed over: {also}" if also else "")
        raise UserError(message, code="data-no-images")
    misplaced = [parts for _, parts, reason in judged if not reason and folders.misplaced(parts)]
    fitting = None if folders.splits else fitting_layout(misplaced, layout)
    fits = fitting is not None and fitting[1] > len(found)
    hint = f"; data.layout: {fitting[0]} would fit {fitting[1]} images" if fitting and fits else ""
    return Listing(count_identities(found), set_aside, hint, passed_over, linked, tuple(folders.notes()))
