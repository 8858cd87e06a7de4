"""The image sets of ``accuracy`` and their held-out identities. Each becomes a manifest."""

import csv
import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Image(NamedTuple):
    """A line of the manifest; ``unit`` is what the protocol keeps together: an alphabet, a person, a writer, ..."""

    path: Path
    identity: str
    unit: str
    group: str = ""
    impostor_of: str = ""
    split: str = ""  # where the set defines it


@dataclass(frozen=True)
class Protocol:
    """A set, the configuration that is measured on it, and how it is split.

    Attributes:
      config: the file under ``configs/``.
      images: what a folder holds.
      test: so many units, or these, are never trained on, whatever the seed.
      val: so many others are, for each seed, the validation split.
      settings: of the run, beside the configuration's.
      uses: whether an image of a split is used at all.
      one_shot: whether the 20-way one-shot task is set on the test images, whose groups are alphabets.
    """

    config: str
    images: Callable[[Path], Iterator[Image]]
    test: int | tuple[str, ...]
    val: int
    settings: tuple[str, ...] = ()
    uses: Callable[[Image, str], bool] = lambda _image, _split: True
    one_shot: bool = False


def _omniglot(root: Path) -> Iterator[Image]:
    for path in sorted(root.glob("*/*/*.png")):
        alphabet, character = path.parts[-3:-1]
        yield Image(path, f"{alphabet}/{character}", alphabet, group=alphabet)


_DRAWERS = {"train": range(1, 13), "val": range(13, 17), "test": range(17, 21)}


def drawer(image: Image) -> int:
    """Who drew an image of Omniglot: 1 to 20."""
    return int(image.path.stem.split("_")[-1])


def _by_its_drawers(image: Image, split: str) -> bool:
    """As Koch et al. 2015 have it: alphabets and drawers are both unseen."""
    return drawer(image) in _DRAWERS[split]


def _folders(root: Path) -> Iterator[Image]:
    for path in sorted(root.glob("*/*.*")):
        if path.suffix.lower() in (".pgm", ".png", ".jpg", ".jpeg"):
            yield Image(path, path.parent.name, path.parent.name)


def _cedar(root: Path) -> Iterator[Image]:
    for path in sorted(root.glob("*/*/*.png")):
        writer, kind = path.parts[-3:-1]
        genuine = kind == "genuine"
        yield Image(path, writer if genuine else "", writer, impostor_of="" if genuine else writer)


def _mnist(root: Path) -> Iterator[Image]:
    """Train and test folders of ten known digits; every tenth training image validates."""
    for path in sorted(root.glob("*/*/*.png")):
        part, digit = path.parts[-3:-1]
        held = "val" if int(hashlib.sha256(path.name.encode()).hexdigest(), 16) % 10 == 0 else "train"
        yield Image(path, digit, digit, split="test" if part == "test" else held)


_BY_IMAGE = "data.split.by=image"
_BY_IDENTITY = "data.split.by=identity"
_BY_ALPHABET = ("data.layout=identity", "data.split.by=group")

# No choice of the recipe was ever made on these.
_ALPHABETS = ("Armenian", "Burmese_(Myanmar)", "Greek", "Latin", "Syriac_(Estrangelo)")

PROTOCOLS = {
    "omniglot": Protocol("characters", _omniglot, _ALPHABETS, 5, _BY_ALPHABET, one_shot=True),
    "koch": Protocol("characters", _omniglot, _ALPHABETS, 5, _BY_ALPHABET, _by_its_drawers, one_shot=True),
    "orl": Protocol("faces", _folders, 8, 5, (_BY_IDENTITY,)),
    "grocery": Protocol("products", _folders, 12, 8, (_BY_IDENTITY,)),
    "cedar": Protocol("signatures", _cedar, 10, 8, (_BY_IDENTITY,)),
    "mnist": Protocol("digits", _mnist, 0, 0, (_BY_IMAGE, "image.height=28", "image.width=28")),
}


def write_manifest(protocol: Protocol, root: Path, seed: int, path: Path) -> dict[str, str]:
    """Writes the manifest of one seed to ``path``; returns the split of each unit.

    Where a protocol defines only how many units test, they are those with the smallest hash.
    """
    root = root.resolve()
    images = list(protocol.images(root))
    if not images:
        raise SystemExit(f"{root}: no image of this set")
    split = split_of(protocol, images, seed)
    copies = path.parent / "images"  # a manifest's images lie in its folder, and no link leads out of it
    if not copies.exists():
        shutil.copytree(root, copies, copy_function=_linked)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "identity", "group", "split", "impostor_of"])
        for image, held in in_splits(protocol, images, split):
            relative = Path(copies.name) / image.path.relative_to(root)
            rows.writerow([relative, image.identity, image.group, held, image.impostor_of])
    return split


def split_of(protocol: Protocol, images: Iterable[Image], seed: int) -> dict[str, str]:
    """The split of each unit."""
    units = sorted({image.unit for image in images}, key=lambda unit: _hash("test", unit))
    test = list(protocol.test) if isinstance(protocol.test, tuple) else units[: protocol.test]
    others = [unit for unit in units if unit not in test]
    val = set(sorted(others, key=lambda unit: _hash(f"val {seed}", unit))[: protocol.val])
    return dict.fromkeys(test, "test") | {unit: "val" if unit in val else "train" for unit in others}


def in_splits(protocol: Protocol, images: Iterable[Image], split: dict[str, str]) -> Iterator[tuple[Image, str]]:
    """The images that are used, each with its split; ``split`` is that of each unit."""
    for image in images:
        held = image.split or split[image.unit]
        if protocol.uses(image, held):
            yield image, held


def _linked(source: str, target: str) -> None:
    try:
        Path(target).hardlink_to(source)
    except OSError:  # on another disk
        shutil.copyfile(source, target)


def _hash(salt: str, name: str) -> str:
    return hashlib.sha256(f"{salt} {name}".encode()).hexdigest()
