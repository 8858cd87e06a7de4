"""Images in folders: which identity each shows, by the folders that it lies in, of any source; and a folder's own.

A folder, local or in a store, is what an address names that no other source matches.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext

from components.image_example_gen.settings import IngestSettings, Layout
from components.image_example_gen.sources.source import (
    MISPLACED,
    SOURCE_TYPES,
    FolderReader,
    Found,
    Listing,
    SetAside,
    count_identities,
    digest_of,
)
from components.storage.folders import Folder, beginning_of, open_folder
from components.storage.image_walk import File, printable, why_not_an_image
from models.errors import UserError

FORMS: dict[Layout, str] = {"identity": "<identity>/<image>", "group/identity": "<group>/<identity>/<image>"}
DEPTHS: dict[Layout, int] = {"identity": 2, "group/identity": 3}


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
    """The images among some files, with their identities.

    Args:
      files: sorted by path.

    Raises:
      UserError: no image lies where the layout has them.
    """
    found: list[Found] = []
    set_aside: list[SetAside] = []
    depths: Counter[int] = Counter()
    for file in files:
        parts = file.path.split("/")
        reason = why_not_an_image(file)
        if not reason:
            depths[len(parts)] += 1
            reason = _misplaced(len(parts), layout)
        if reason:
            set_aside.append(SetAside(printable(file.path), reason, file.bytes))
        else:
            group = parts[0] if layout == "group/identity" else ""
            found.append(Found(file.path, "/".join(parts[:-1]), group, bytes=file.bytes))
    if not found:
        raise UserError(_nothing_found(address, layout, depths, len(set_aside)), code="data-no-images")
    return Listing(count_identities(found), set_aside, _other_layout_hint(set_aside, len(found), layout))


def _misplaced(depth: int, layout: Layout) -> str:
    if depth == DEPTHS[layout]:
        return ""
    direction = "deep" if depth > DEPTHS[layout] else "shallow"
    return f"{MISPLACED}: too {direction} for {FORMS[layout]}"


def _other_layout_hint(set_aside: list[SetAside], found: int, layout: Layout) -> str:
    """Names the other layout if most images lie at its depth, else empty."""
    other: Layout = "identity" if layout == "group/identity" else "group/identity"
    elsewhere = sum(
        entry.reason.startswith(MISPLACED) and entry.image_id.count("/") + 1 == DEPTHS[other] for entry in set_aside
    )
    return f"; data.layout: {other} would fit {elsewhere} images" if elsewhere > found else ""


def _nothing_found(address: str, layout: Layout, depths: Counter[int], files: int) -> str:
    expected = f"{address}: no image found as {FORMS[layout]} (data.layout: {layout})"
    fitting = [other for other, depth in DEPTHS.items() if depth in depths]
    if fitting:
        return f"{expected}, but {depths[DEPTHS[fitting[0]]]} as {FORMS[fitting[0]]}: set data.layout: {fitting[0]}"
    if 1 in depths:
        return f"{expected}: its {depths[1]} images lie in no identity's folder; make one folder for each identity"
    if depths:
        deepest = max(depths, key=lambda depth: depths[depth])
        return f"{expected}: {depths[deepest]} images lie {deepest - 1} folders deep; point at a folder further down"
    state = f"its {files} files are not images" if files else "it is empty"
    return f"{expected}: {state}; expected JPEG, PNG or another image format"
