"""A folder of images: which files are images, of whom, and which are not."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import NamedTuple

from components.image_example_gen.settings import Layout
from components.image_example_gen.sources.source import MISPLACED, STRAY, Found, Listing, SetAside
from models import containers
from models.errors import UserError

_IMAGES = ("jpg", "jpeg", "jpe", "jfif", "png", "bmp", "dib", "gif", "tif", "tiff", "webp", "pgm", "ppm", "pbm", "pnm")
EXTENSIONS = frozenset({f".{name}" for name in _IMAGES} | {""})  # without one, a file is judged by its content

_FORMS: dict[Layout, str] = {"identity": "<identity>/<image>", "group/identity": "<group>/<identity>/<image>"}
_DEPTHS: dict[Layout, int] = {"identity": 2, "group/identity": 3}


class _File(NamedTuple):
    path: str  # relative, POSIX
    bytes: int
    mtime_ns: int
    mode: int
    regular: bool


class FolderSource:
    """``<identity>/<image>`` or ``<group>/<identity>/<image>`` under a folder of this machine.

    Args:
      root: the folder.
      layout: what the folders stand for.
    """

    def __init__(self, root: str, layout: Layout) -> None:
        self._root, self._layout = root, layout

    def list(self) -> Listing:
        """The images and whom they show, by their folders' names. Hidden files are passed over."""
        found: list[Found] = []
        set_aside: list[SetAside] = []
        depths: Counter[int] = Counter()
        for file in _files(self._root):
            parts = file.path.split("/")
            reason = _unfit(file, len(parts), self._layout)
            if reason is None or reason.startswith(MISPLACED):
                depths[len(parts)] += 1
            if reason is None:
                group = parts[0] if self._layout == "group/identity" else ""
                found.append(Found(file.path, "/".join(parts[:-1]), group, bytes=file.bytes))
            else:
                set_aside.append(SetAside(_printable(file.path), reason, file.bytes))
        if not found:
            raise UserError(_nothing_found(self._root, self._layout, depths, len(set_aside)))
        images = Counter(one.identity for one in found)
        counted = [one._replace(identity_images=images[one.identity]) for one in found]
        return Listing(counted, set_aside, _other_layout_hint(set_aside, len(found), self._layout))

    def fingerprint(self) -> str:
        """Changes when a file is added, removed, renamed, written anew or given other rights."""
        digest = hashlib.sha256()
        for file in _files(self._root):
            digest.update(os.fsencode(file.path) + f"\0{file.bytes}\0{file.mtime_ns}\0{file.mode}\n".encode())
        return digest.hexdigest()

    def reader(self) -> "_FolderReader":
        return _FolderReader(self._root)


class _FolderReader:
    def __init__(self, root: str) -> None:
        self._root = root

    def __enter__(self) -> "_FolderReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def read(self, found: Found, limit: int) -> bytes:
        with Path(self._root, found.image_id).open("rb") as file:
            length = os.fstat(file.fileno()).st_size
            if length > limit:  # not even read
                raise containers.UnreadableImage(f"too many bytes: {length} > {limit}")
            return file.read()


def _other_layout_hint(set_aside: list[SetAside], found: int, layout: Layout) -> str:
    """Names the other layout if most images lie at its depth, else empty."""
    other: Layout = "identity" if layout == "group/identity" else "group/identity"
    elsewhere = sum(
        entry.reason.startswith(MISPLACED) and entry.image_id.count("/") + 1 == _DEPTHS[other] for entry in set_aside
    )
    return f"; data.layout: {other} would fit {elsewhere} images" if elsewhere > found else ""


def _files(root: str) -> list[_File]:
    folder = Path(root)
    if not folder.is_dir():
        state = "not a folder" if folder.exists() else "no such folder"
        raise UserError(f"{root}: {state}; expected a folder of images, {' or '.join(_FORMS.values())}")
    try:
        return sorted(_walk(folder, "", frozenset()))
    except PermissionError as error:
        raise UserError(f"{error.filename}: may not be read (permission denied)") from None


def _walk(folder: Path, prefix: str, above: frozenset[tuple[int, int]]) -> Iterator[_File]:
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:  # a link to a folder that it lies in
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path = prefix + entry.name
            if entry.is_dir():
                yield from _walk(folder / entry.name, path + "/", above | {here})
                continue
            try:
                status = entry.stat()
            except OSError:  # a link to nowhere
                yield _File(path, 0, 0, 0, False)
            else:
                yield _File(path, status.st_size, status.st_mtime_ns, status.st_mode, entry.is_file())


def _unfit(file: _File, depth: int, layout: Layout) -> str | None:
    if not file.regular:
        return f"{STRAY}: not a regular file"
    extension = PurePosixPath(file.path).suffix.lower()
    if extension not in EXTENSIONS:
        return f"{STRAY}: {_printable(extension)}"
    if depth != _DEPTHS[layout]:
        direction = "deep" if depth > _DEPTHS[layout] else "shallow"
        return f"{MISPLACED}: too {direction} for {_FORMS[layout]}"
    if _printable(file.path) != file.path:
        return f"{STRAY}: its name is not UTF-8"
    return None


def _printable(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _nothing_found(root: str, layout: Layout, depths: Counter[int], files: int) -> str:
    wanted = f"{root}: no image found as {_FORMS[layout]} (data.layout: {layout})"
    fitting = [other for other, depth in _DEPTHS.items() if depth in depths]
    if fitting:
        return f"{wanted}, but {depths[_DEPTHS[fitting[0]]]} as {_FORMS[fitting[0]]}: set data.layout: {fitting[0]}"
    if 1 in depths:
        return f"{wanted}: its {depths[1]} images lie in no folder; make one folder for each identity"
    if depths:
        deepest = max(depths, key=lambda depth: depths[depth])
        return f"{wanted}: {depths[deepest]} images lie {deepest - 1} folders deep; point at a folder further down"
    state = f"its {files} files are no images" if files else "it is empty"
    return f"{wanted}: {state}; expected JPEG, PNG and the like"
