"""Which identity an image shows, by the folders that it lies in."""

from collections import Counter
from collections.abc import Callable, Iterable

from components.image_example_gen.settings import Layout
from components.image_example_gen.sources.source import MISPLACED, Found, Listing, SetAside
from components.storage.image_walk import File, printable
from models.errors import UserError

FORMS: dict[Layout, str] = {"identity": "<identity>/<image>", "group/identity": "<group>/<identity>/<image>"}
DEPTHS: dict[Layout, int] = {"identity": 2, "group/identity": 3}


def list_images(
    address: str, files: Iterable[File], layout: Layout, why_not_an_image: Callable[[File], str]
) -> Listing:
    """The images among some files, with their identities.

    Args:
      address: of all of them, for messages.
      files: sorted by path.
      layout: what the folders stand for.
      why_not_an_image: the reason why a file is none, "" for an image.

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


def count_identities(found: list[Found]) -> list[Found]:
    """The same images, each with the number of images of its identity."""
    images = Counter(one.identity for one in found)
    return [one._replace(identity_images=images[one.identity]) for one in found]


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
