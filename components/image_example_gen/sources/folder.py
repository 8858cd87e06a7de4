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
from components.storage.digests import Digests
from components.storage.folders import Folder, beginning_of, open_folder
from components.storage.image_walk import File, printable, why_not_an_image
from components.storage.skips import SYSTEM_NAMES, Skips
from models.errors import UserError

FORMS: dict[Layout, str] = {"identity": "<identity>/<image>", "group/identity": "<group>/<identity>/<image>"}
DEPTHS: dict[Layout, int] = {"identity": 2, "group/identity": 3}


class FolderSource:
    """``<identity>/<image>`` or ``<group>/<identity>/<image>``; see ``components.storage.image_walk``.

    Args:
      skip: names that are passed over.
      max_bytes: of a longer file, which is never read, only the beginning counts.
    """

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
    """The images among some files, with their identities.

    Args:
      files: sorted by path.
      skips: what was passed over before.

    Raises:
      UserError: no image lies where the layout has them.
    """
    found: list[Found] = []
    set_aside: list[SetAside] = []
    depths: Counter[int] = Counter()
    linked = 0
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
            linked += file.linked
    passed_over = skips.counts()
    if not found:
        also = ", ".join(f"{kind} ({count:,})" for kind, count in passed_over.items())
        message = _nothing_found(address, layout, depths, len(set_aside)) + (f"; passed over: {also}" if also else "")
        raise UserError(message, code="data-no-images")
    hint = _other_layout_hint(set_aside, len(found), layout)
    return Listing(count_identities(found), set_aside, hint, passed_over, linked)


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
