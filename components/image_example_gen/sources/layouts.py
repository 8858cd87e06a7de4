"""Whom an image shows by the folders that it lies in."""

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

from components.image_example_gen.settings import Layout
from components.image_example_gen.sources.source import MISPLACED, STRAY, Found, Listing, SetAside
from components.storage.files import File
from models.errors import UserError

_IMAGES = ("jpg", "jpeg", "jpe", "jfif", "png", "bmp", "dib", "gif", "tif", "tiff", "webp", "pgm", "ppm", "pbm", "pnm")
EXTENSIONS = frozenset({f".{name}" for name in _IMAGES} | {""})  # without one, a file is judged by its content

FORMS: dict[Layout, str] = {"identity": "<identity>/<image>", "group/identity": "<group>/<identity>/<image>"}
DEPTHS: dict[Layout, int] = {"identity": 2, "group/identity": 3}


def listed(address: str, files: Iterable[File], layout: Layout) -> Listing:
    """The images among some files and whom they show.

    Args:
      address: of all of them, for messages.
      files: sorted by path.
      layout: what the folders stand for.

    Raises:
      UserError: no image lies where the layout has them.
    """
    found: list[Found] = []
    set_aside: list[SetAside] = []
    depths: Counter[int] = Counter()
    for file in files:
        parts = file.path.split("/")
        reason = _unfit(file, len(parts), layout)
        if reason is None or reason.startswith(MISPLACED):
            depths[len(parts)] += 1
        if reason is None:
            group = parts[0] if layout == "group/identity" else ""
            found.append(Found(file.path, "/".join(parts[:-1]), group, bytes=file.bytes))
        else:
            set_aside.append(SetAside(printable(file.path), reason, file.bytes))
    if not found:
        raise UserError(_nothing_found(address, layout, depths, len(set_aside)))
    return Listing(counted(found), set_aside, _other_layout_hint(set_aside, len(found), layout))


def counted(found: list[Found]) -> list[Found]:
    """The same images, each with the number of images of its identity."""
    images = Counter(one.identity for one in found)
    return [one._replace(identity_images=images[one.identity]) for one in found]


def printable(name: str) -> str:
    """A file's name as UTF-8 can hold it."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _unfit(file: File, depth: int, layout: Layout) -> str | None:
    if not file.regular:
        return f"{STRAY}: not a regular file"
    extension = PurePosixPath(file.path).suffix.lower()
    if extension not in EXTENSIONS:
        return f"{STRAY}: {printable(extension)}"
    if depth != DEPTHS[layout]:
        direction = "deep" if depth > DEPTHS[layout] else "shallow"
        return f"{MISPLACED}: too {direction} for {FORMS[layout]}"
    if printable(file.path) != file.path:
        return f"{STRAY}: its name is not UTF-8"
    return None


def _other_layout_hint(set_aside: list[SetAside], found: int, layout: Layout) -> str:
    """Names the other layout if most images lie at its depth, else empty."""
    other: Layout = "identity" if layout == "group/identity" else "group/identity"
    elsewhere = sum(
        entry.reason.startswith(MISPLACED) and entry.image_id.count("/") + 1 == DEPTHS[other] for entry in set_aside
    )
    return f"; data.layout: {other} would fit {elsewhere} images" if elsewhere > found else ""


def _nothing_found(address: str, layout: Layout, depths: Counter[int], files: int) -> str:
    wanted = f"{address}: no image found as {FORMS[layout]} (data.layout: {layout})"
    fitting = [other for other, depth in DEPTHS.items() if depth in depths]
    if fitting:
        return f"{wanted}, but {depths[DEPTHS[fitting[0]]]} as {FORMS[fitting[0]]}: set data.layout: {fitting[0]}"
    if 1 in depths:
        return f"{wanted}: its {depths[1]} images lie in no folder; make one folder for each identity"
    if depths:
        deepest = max(depths, key=lambda depth: depths[depth])
        return f"{wanted}: {depths[deepest]} images lie {deepest - 1} folders deep; point at a folder further down"
    state = f"its {files} files are no images" if files else "it is empty"
    return f"{wanted}: {state}; expected JPEG, PNG and the like"
