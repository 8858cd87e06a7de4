"""Files of the data set as small pictures: those that were not used, and those that look the same."""

import csv
import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageFile

from components.run_report.pictures import Shown, as_address
from models.data.image_formats import FORMATS

EACH = 12  # pairs of look-alikes of a kind
MOST = 24  # files that were not used
_SIDE = 96
_MOST_PIXELS = 50_000_000  # of a file that is opened
_MOST_BYTES = 50_000_000


@dataclass(frozen=True)
class Unused:
    """A file that was not used.

    Attributes:
      name: of the file.
      reason: why.
      picture: a ``data:`` address; "" where it cannot be drawn.
    """

    name: str
    reason: str
    picture: str


def folder_of(data_root: str | None) -> Path | None:
    """The folder that names of images are relative to; none where the images are elsewhere or in an archive."""
    path = Path((data_root or "").removeprefix("file://"))
    if not data_root or "://" in str(path):
        return None
    if path.is_dir():
        return path
    return path.parent if path.is_file() and path.suffix.lower() in (".csv", ".jsonl") else None


def unused(lines: Iterable[tuple[str, str]], folder: Path | None) -> list[Unused]:
    """Some of the files that were not used, each reason's in turn, as pictures where they can be drawn.

    Args:
      lines: (file, reason).
      folder: that the names are relative to; or none.
    """
    by_reason: dict[str, list[tuple[str, str]]] = {}
    for name, reason in lines:
        by_reason.setdefault(kind_of(reason), []).append((name, reason))
    turns = [(turn, name, reason) for several in by_reason.values() for turn, (name, reason) in enumerate(several)]
    chosen = sorted(turns, key=lambda one: one[0])[:MOST]
    return [Unused(name, reason, picture(folder, name)) for _, name, reason in chosen]


def kind_of(reason: str) -> str:
    """A reason without what is of one file alone: the other file's name, its size."""
    return reason.partition(":")[0].partition(" of ")[0]


def look_alikes(listing: Path | None, folder: Path | None) -> dict[str, list[Shown]]:
    """The closest pairs of images that look the same, by heading; the score is the distance of their hashes.

    Args:
      listing: near_duplicates.csv.
      folder: that the names are relative to; or none.
    """
    if listing is None or folder is None or not listing.is_file():
        return {}
    headings = {
        "One image under two identities?": "identity",
        "The same image in two splits?": "split",
    }
    found = {}
    for heading, key in headings.items():
        nearest = heapq.nsmallest(EACH, _rows(listing, key), key=lambda row: int(row["distance"]))
        shown = [
            Shown(a, b, (row["path_a"], row["path_b"]), (row["identity_a"], row["identity_b"]), float(row["distance"]))
            for row in nearest
            if (a := picture(folder, row["path_a"])) and (b := picture(folder, row["path_b"]))
        ]
        if shown:
            found[heading] = shown
    return found


def picture(folder: Path | None, name: str) -> str:
    """A small picture of a file as a ``data:`` address; "" where there is none, or none that can be drawn."""
    if folder is None or "\0" in name:
        return ""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file() or path.stat().st_size > _MOST_BYTES:
        return ""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True  # as far as it goes
    try:
        with Image.open(path, formats=list(FORMATS)) as image:
            if image.width * image.height > _MOST_PIXELS:
                return ""
            image.draft("RGB", (_SIDE, _SIDE))
            image.thumbnail((_SIDE, _SIDE))
            return as_address(image.convert("RGB"))
    except Exception:  # noqa: BLE001 - that it cannot be drawn is why it was not used; Pillow raises whatever it likes
        return ""
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _rows(listing: Path, key: str) -> Iterator[dict[str, str]]:
    """Those that differ in ``key`` from one image to the other."""
    with listing.open(encoding="utf-8", newline="") as file:
        yield from (row for row in csv.DictReader(file) if row[f"{key}_a"] != row[f"{key}_b"])
