"""What the folders above images say: their identity, group and split; and what is said where images lie elsewhere."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from components.image_example_gen.settings import Layout
from components.image_example_gen.sources.part_names import EVAL, SPLITS_NAMED, is_somebody, like_split, parts_among
from components.storage.text_files import one_text
from models.data.features import SPLITS
from models.errors import UserError

FORMS: dict[Layout, str] = {"identity": "<identity>/<image>", "group/identity": "<group>/<identity>/<image>"}
DEPTHS: dict[Layout, int] = {"identity": 2, "group/identity": 3}
MISPLACED = "misplaced"  # what reasons begin with

_SHOWN = 3

Parts = Sequence[str]  # of a path: folders, then the file


class Folders(NamedTuple):
    """How the folders above some images are read.

    Attributes:
      layout: below the folders of splits, where there are some.
      splits: the split of each folder of images that is one; empty where the images have no such folders.
      unlabelled: parts of the data set that hold no folders of identities.
      doubtful: folders that are taken as identities, or as groups, and called like parts of a data set.
      repeated: names of identities that several groups have.
    """

    layout: Layout
    splits: dict[str, str]
    unlabelled: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()

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

        Names that are the same text in Unicode are one identity.

        Args:
          folder: whether the path is that of a folder.
        """
        own, depth = self.below_split(parts), DEPTHS[self.layout]
        return one_text("/".join(own[: depth - 1])) if len(own) >= depth - folder else ""

    def has_no_label(self, parts: Parts) -> bool:
        """Whether an image lies in a part of the data set that holds no folders of identities."""
        return len(parts) > 1 and parts[0] in self.unlabelled

    def notes(self) -> Iterator[str]:
        """What is read into the names of folders, a sentence each."""
        if self.doubtful:
            kind = "splits" if all(map(like_split, self.doubtful)) else "parts of a data set"
            taken = "identities" if self.layout == "identity" else "groups"
            yield f"taken as {taken}, though called like {kind}: {', '.join(self.doubtful[:_SHOWN])}"
        if self.splits:
            yield from self._notes_on_splits()
        if self.repeated:
            yield (
                f"taken as different identities in each group, though they have the same name: {len(self.repeated):,} "
                f"({_first(self.repeated)}); put the images of those that are one identity into one folder"
            )

    def _notes_on_splits(self) -> Iterator[str]:
        by_split = defaultdict(list)
        for name, split in sorted(self.splits.items()):
            by_split[split].append(name)
        taken = "; ".join(f"{split} = {', '.join(by_split[split])}" for split in SPLITS if split in by_split)
        drawn = f"; {' and '.join(self.divided)} taken out of train by the shares of data.split" if self.divided else ""
        yield f"folders of the images taken as given splits: {taken}{drawn}"
        if self.unlabelled:
            yield f"passed over, without folders of identities and so without labels: {', '.join(self.unlabelled)}"


def read_folders(address: str, images: Iterable[Parts], layout: Layout) -> Folders:
    """How to read the folders above these images.

    Raises:
      UserError: what the layout has for identities or groups are parts of a data set: all labels would be wrong.
    """
    images = list(images)
    depth = DEPTHS[layout]
    _check_not_ambiguous(address, images)
    splits, unlabelled = split_folders(images, depth)
    if splits:
        folders = Folders(layout, splits, unlabelled)
        return folders._replace(repeated=_repeated(map(folders.below_split, images), layout))
    for level in range(depth - 1):
        _check_no_parts(address, images, layout, level)
    names = {parts[0] for parts in images if len(parts) == depth}
    named = {name for name in names if like_split(name)} | parts_among(names).keys()
    return Folders(layout, {}, doubtful=tuple(sorted(named)), repeated=_repeated(images, layout))


def _repeated(images: Iterable[Parts], layout: Layout) -> tuple[str, ...]:
    return tuple(repeated_identities(images)) if layout == "group/identity" else ()


def _check_not_ambiguous(address: str, images: Sequence[Parts]) -> None:
    """Checks that no folder beside one for train may be val as well as test, where most images lie in such folders."""
    parts = parts_among({one[0] for one in images if len(one) > 1})
    labelled = Counter(one[0] for one in images if len(one) > 2 and one[0] in parts)
    ambiguous = sorted(name for name, part in parts.items() if part == EVAL and labelled[name])
    if ambiguous and SPLITS[0] in parts.values() and 2 * labelled.total() > len(images):
        message = f"{address}: {_first(ambiguous)} may be for {SPLITS[1]} or for {SPLITS[2]}: rename it to one of them"
        raise UserError(message, code="data-split-folders")


def split_folders(images: Iterable[Parts], depth: int) -> tuple[dict[str, str], tuple[str, ...]]:
    """The split of each folder at the top that is one, and the parts of the data set without folders of identities.

    There are none unless one is train, another exists, and most of all images lie in them.

    Args:
      depth: of an image below the folder of its split.
    """
    images = list(images)
    parts = parts_among({one[0] for one in images if len(one) in (2, depth + 1)})
    inside = [one for one in images if one[0] in parts and len(one) in (2, depth + 1)]
    labels = Counter(one[0] for one in inside if len(one) == depth + 1 and is_somebody(one[1], parts[one[0]]))
    others = Counter(one[0] for one in inside) - labels
    splits = {top: part for top, part in parts.items() if part in SPLITS and labels[top] > others[top]}
    unlabelled = tuple(sorted(top for top in parts if not labels[top]))
    most = 2 * sum(labels[top] + others[top] for top in (*splits, *unlabelled)) > len(images)
    several = len({*splits.values(), *unlabelled}) > 1
    return (splits, unlabelled) if SPLITS[0] in splits.values() and several and most else ({}, ())


def _check_no_parts(address: str, images: Sequence[Parts], layout: Layout, level: int) -> None:
    """Checks that the folders of a level, which the layout has for identities or groups, are no parts of a data set."""
    below: dict[str, Counter[str]] = defaultdict(Counter)
    for one in images:
        if len(one) > level + 1:
            below["/".join(one[:level])][one[level]] += 1
    fitting = [one for one in images if len(one) == DEPTHS[layout]]
    for above, names in below.items():
        parts = parts_among(names)
        inside = [one for one in fitting if "/".join(one[:level]) == above and one[level] in parts]
        concerned = len(inside) if layout == "identity" else sum(names[name] for name in parts)
        if len(parts) < 2 or not inside or 2 * concerned <= len(images):
            continue
        shown = _first(sorted(parts))
        if above:
            message = (
                f"its folders {shown} in {above} are parts of a data set, not identities: point at {address}/{above}"
            )
        elif level == DEPTHS[layout] - 2:
            message = (
                f"its folders {shown} are parts of a data set, not identities: make a folder for each identity in each "
                "of them, or list the images in a manifest"
            )
        elif SPLITS[0] in parts.values() and any(part in SPLITS[1:] for part in parts.values()):
            remedy = "set data.layout: identity, which takes them as given splits"
            message = f"its folders {shown} are splits, not groups: {remedy}"
        elif len({*parts.values()} & {*SPLITS_NAMED}) > 1:
            message = (
                f"its folders {shown} are splits, not groups; given splits are folders for {SPLITS[0]} and for "
                f"{SPLITS[1]} or {SPLITS[2]}, with data.layout: identity"
            )
        elif repeated := repeated_identities(inside):
            message = (
                f"its folders {shown} are parts of a data set, not groups, and {len(repeated)} names of identities "
                f"({', '.join(repeated[:_SHOWN])}) repeat in them: put all images of an identity into one folder, or "
                "list the images in a manifest"
            )
        else:
            continue
        raise UserError(f"{address}: {message}", code="data-split-folders")


def fitting_layout(images: Iterable[Parts], layout: Layout) -> tuple[Layout, int] | None:
    """The other layout, if it fits some images, with their number; None where its labels would be doubtful.

    They would be where parts of a data set are among its groups or identities, or where identities of several groups
    share a name.
    """
    other: Layout = "identity" if layout == "group/identity" else "group/identity"
    fitting = [parts for parts in images if len(parts) == DEPTHS[other]]
    folders = {folder for parts in fitting for folder in parts[:-1]}
    parts = parts_among(folders)
    divided = any(map(like_split, folders)) or any(part in SPLITS for part in parts.values()) or len(parts) > 1
    if not fitting or divided or repeated_identities(fitting):
        return None
    return other, len(fitting)


def repeated_identities(images: Iterable[Parts]) -> list[str]:
    """The names of identities that lie in several groups, sorted; images of another depth are passed over."""
    groups: dict[str, set[str]] = defaultdict(set)
    for parts in images:
        if len(parts) == DEPTHS["group/identity"]:
            groups[parts[1]].add(parts[0])
    return sorted(name for name, several in groups.items() if len(several) > 1)


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


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
    if splits := [top for top in tops if like_split(top)]:
        return (
            f"{expected}: {most} images lie {depth - 1} folders deep, and {', '.join(splits)} look like splits; given "
            f"splits are folders for {SPLITS[0]} and for {SPLITS[1]} or {SPLITS[2]}, each with folders of identities"
        )
    if depth == DEPTHS["group/identity"] and (names := repeated_identities(images)):
        return (
            f"{expected}: {most} images lie one folder deeper, and {len(names)} names of folders ({_first(names)}) "
            f"repeat in several of {', '.join(tops[:_SHOWN])}: put all images of an identity into one folder"
        )
    return f"{expected}: {most} images lie {depth - 1} folders deep; point at a folder further down"
