"""What the folders above images say: their identity, group and split; and what is said where images lie elsewhere."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from components.image_example_gen.settings import Layout
from models.data.features import SPLITS
from models.errors import UserError

FORMS: dict[Layout, str] = {"identity": "<identity>/<image>", "group/identity": "<group>/<identity>/<image>"}
DEPTHS: dict[Layout, int] = {"identity": 2, "group/identity": 3}
MISPLACED = "misplaced"  # what reasons begin with

_AROUND = r"(?:images?|data|sets?|split|folder)*"
_SPLIT_NAME = re.compile(
    rf"{_AROUND}(?:(train|training|trn)|(val|valid|validation|validate|dev|development)|(test|testing|tst)){_AROUND}"
)
_SHOWN = 3

Parts = Sequence[str]  # of a path: folders, then the file


def split_named(name: str) -> str:
    """The split that a folder or a manifest means by a name, in any usual spelling; "" for any other name."""
    match = _SPLIT_NAME.fullmatch(re.sub(r"[\W_]+", "", name.casefold()))
    return SPLITS[match.lastindex - 1] if match and match.lastindex else ""


class Folders(NamedTuple):
    """How the folders above some images are read.

    Attributes:
      layout: below the folders of splits, where there are some.
      splits: the split of each folder of images that is one; empty where the images have no such folders.
    """

    layout: Layout
    splits: dict[str, str]

    @property
    def divided(self) -> tuple[str, ...]:
        """The splits without a folder, whose images are taken out of those for train."""
        return tuple(split for split in SPLITS if split not in self.splits.values()) if self.splits else ()

    def split(self, parts: Parts) -> str:
        """The split of an image, "" if it lies below no split's folder."""
        return self.splits.get(parts[0], "") if len(parts) > 1 else ""

    def below_split(self, parts: Parts) -> Parts:
        """A path below its split's folder, if it has one."""
        return parts[1:] if self.split(parts) else parts

    def misplaced(self, parts: Parts) -> str:
        """The reason why an image has no identity, "" if it has one."""
        if self.splits and not self.split(parts):
            return f"{MISPLACED}: not below {' or '.join(sorted(self.splits))}, as the other images are"
        excess = len(self.below_split(parts)) - DEPTHS[self.layout]
        return f"{MISPLACED}: too {'deep' if excess > 0 else 'shallow'} for {FORMS[self.layout]}" if excess else ""

    def identity(self, parts: Parts, folder: bool = False) -> str:
        """The identity that a file belongs to, also one that lies too deep; "" if it lies too shallow.

        Args:
          folder: whether the path is that of a folder.
        """
        own, depth = self.below_split(parts), DEPTHS[self.layout]
        return "/".join(own[: depth - 1]) if len(own) >= depth - folder else ""

    def note(self) -> str:
        """What is read into the names of folders, in a sentence; "" where nothing is."""
        if not self.splits:
            return ""
        by_split = defaultdict(list)
        for name, split in sorted(self.splits.items()):
            by_split[split].append(name)
        taken = "; ".join(f"{split} = {', '.join(by_split[split])}" for split in SPLITS if split in by_split)
        drawn = f"; {' and '.join(self.divided)} taken out of train by the shares of data.split" if self.divided else ""
        return f"folders of the images taken as given splits: {taken}{drawn}"


def read_folders(address: str, images: Iterable[Parts], layout: Layout) -> Folders:
    """How to read the folders above these images.

    Raises:
      UserError: what the layout has for identities or groups are the folders of splits: all labels would be wrong.
    """
    images = list(images)
    depth = DEPTHS[layout]
    splits = split_folders(images, depth)
    if not splits and (wrong := split_folders(images, depth - 1)):
        names = ", ".join(sorted(wrong))
        if layout == "group/identity":
            remedy = "not groups: set data.layout: identity, which takes them as given splits"
        elif all(len(parts) == depth for parts in images):
            remedy = "not identities: make a folder for each identity in each of them"
        else:
            return Folders(layout, {})
        raise UserError(f"{address}: its folders {names} are splits, {remedy}", code="data-split-folders")
    return Folders(layout, splits)


def split_folders(images: Iterable[Parts], depth: int) -> dict[str, str]:
    """The split of each folder at the top that is one: train and another one, with most of all images.

    Args:
      depth: of an image below the folder of its split.
    """
    images = list(images)
    tops = Counter(parts[0] for parts in images if len(parts) == depth + 1)
    splits = {top: split for top in tops if (split := split_named(top))}
    found = set(splits.values())
    most = 2 * sum(tops[top] for top in splits) > len(images)
    return splits if SPLITS[0] in found and len(found) > 1 and most else {}


def fitting_layout(images: Iterable[Parts], layout: Layout) -> tuple[Layout, int] | None:
    """The other layout, if it fits some images, with their number; None where its labels would be doubtful.

    They would be where splits are among its groups or identities, or where identities of several groups share a name.
    """
    other: Layout = "identity" if layout == "group/identity" else "group/identity"
    fitting = [parts for parts in images if len(parts) == DEPTHS[other]]
    if not fitting or any(split_named(parts[0]) for parts in fitting) or repeated_identities(fitting):
        return None
    return other, len(fitting)


def repeated_identities(images: Iterable[Parts]) -> list[str]:
    """The names of identities that lie in several groups, sorted; images of another depth are passed over."""
    groups: dict[str, set[str]] = defaultdict(set)
    for parts in images:
        if len(parts) == DEPTHS["group/identity"]:
            groups[parts[1]].add(parts[0])
    return sorted(name for name, several in groups.items() if len(several) > 1)


def nothing_found(address: str, images: Sequence[Parts], layout: Layout, others: Counter[str]) -> str:
    """The message where no image lies where the layout has them.

    Args:
      others: the reasons of the files that are not images, with their numbers.
    """
    expected = f"{address}: no image found as {FORMS[layout]} (data.layout: {layout})"
    if fitting := fitting_layout(images, layout):
        return f"{expected}, but {fitting[1]} as {FORMS[fitting[0]]}: set data.layout: {fitting[0]}"
    depths = Counter(len(parts) for parts in images)
    if not depths:
        reasons = ", ".join(f"{reason}: {number}" for reason, number in others.most_common(_SHOWN))
        state = f"its {others.total()} files are not images ({reasons})" if others else "it is empty"
        return f"{expected}: {state}; expected JPEG, PNG or another image format"
    depth, most = max(depths.items(), key=lambda item: item[1])
    tops = sorted({parts[0] for parts in images if len(parts) == depth})
    if depth == 1:
        return f"{expected}: its {most} images lie in no identity's folder; make one folder for each identity"
    if depth > DEPTHS[layout] and len(tops) == 1:
        return f"{expected}: {most} images lie {depth - 1} folders deep; point at {address}/{tops[0]}"
    if depth == DEPTHS["group/identity"] and (names := repeated_identities(images)):
        shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        return (
            f"{expected}: {most} images lie one folder deeper, and {len(names)} names of folders ({shown}) repeat in "
            f"several of {', '.join(tops[:_SHOWN])}: put all images of an identity into one folder"
        )
    if splits := [top for top in tops if split_named(top)]:
        return (
            f"{expected}: {most} images lie {depth - 1} folders deep, and {', '.join(splits)} look like splits; given "
            f"splits are folders for {SPLITS[0]} and for {SPLITS[1]} or {SPLITS[2]}, each with folders of identities"
        )
    return f"{expected}: {most} images lie {depth - 1} folders deep; point at a folder further down"
