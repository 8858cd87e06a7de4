"""Source images as thumbnails: excluded files, and near-duplicates."""

import csv
import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import ImageFile

from components.run_report.pictures import ShownPair, data_url
from models.addresses import is_address
from models.data.image_formats import opened

EACH = 12  # near-duplicate pairs of a kind
MOST = 24  # excluded files
_SIDE = 96
_MOST_PIXELS = 50_000_000  # of a file that is opened
_MOST_BYTES = 50_000_000


@dataclass(frozen=True)
class ExcludedFile:
    """A file that was excluded from the data set.

    Attributes:
      name: of the file.
      reason: why.
      picture: a ``data:`` URL; "" if it cannot be decoded.
    """

    name: str
    reason: str
    picture: str


def folder_of(data_root: str | None) -> Path | None:
    """The folder that image paths are relative to; None if the images are not in a local folder."""
    address = (data_root or "").removeprefix("file://")
    if not address or is_address(address):
        return None
    path = Path(address)
    if path.is_dir():
        return path
    return path.parent if path.is_file() and path.suffix.lower() in (".csv", ".jsonl") else None


def excluded_files(lines: Iterable[tuple[str, str]], folder: Path | None) -> list[ExcludedFile]:
    """Some of the excluded files, alternating between the reasons, with thumbnails where they can be decoded.

    Args:
      lines: (file, reason).
      folder: that the paths are relative to; or None.
    """
    by_reason: dict[str, list[tuple[str, str]]] = {}
    for name, reason in lines:
        by_reason.setdefault(reason_type(reason), []).append((name, reason))
    turns = [(turn, name, reason) for several in by_reason.values() for turn, (name, reason) in enumerate(several)]
    chosen = sorted(turns, key=lambda one: one[0])[:MOST]
    return [ExcludedFile(name, reason, picture(folder, name)) for _, name, reason in chosen]


def reason_type(reason: str) -> str:
    """A reason without its details: the other file's name, its size."""
    return reason.partition(":")[0].partition(" of ")[0]


def near_duplicates(listing: Path | None, folder: Path | None) -> dict[str, list[ShownPair]]:
    """The closest near-duplicate pairs, by heading; the score is the distance of their hashes.

    Args:
      listing: near_duplicates.csv.
      folder: that the paths are relative to; or None.
    """
    if listing is None or folder is None or not listing.is_file():
        return {}
    headings = {
        "Near-duplicates under two identities": "identity",
        "Near-duplicates in two splits": "split",
    }
    found = {}
    for heading, key in headings.items():
        nearest = heapq.nsmallest(EACH, _rows(listing, key), key=lambda row: int(row["distance"]))
        shown = [
            ShownPair(
                a, b, (row["path_a"], row["path_b"]), (row["identity_a"], row["identity_b"]), float(row["distance"])
            )
            for row in nearest
            if (a := picture(folder, row["path_a"])) and (b := picture(folder, row["path_b"]))
        ]
        if shown:
            found[heading] = shown
    return found


def picture(folder: Path | None, name: str) -> str:
    """A thumbnail of a file as a ``data:`` URL; "" if the file is missing or cannot be decoded."""
    if folder is None or "\0" in name:
        return ""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file() or path.stat().st_size > _MOST_BYTES:
        return ""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True  # show as much as there is
    try:
        with opened(path.read_bytes(), max_pixels=_MOST_PIXELS, max_bytes=_MOST_BYTES) as image:
            image.draft("RGB", (_SIDE, _SIDE))
            image.thumbnail((_SIDE, _SIDE))
            return data_url(image.convert("RGB"))
    except Exception:  # noqa: BLE001 - excluded files are often damaged, and Pillow raises any class
        return ""
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _rows(listing: Path, key: str) -> Iterator[dict[str, str]]:
    """The rows whose two images differ in ``key``."""
    with listing.open(encoding="utf-8", newline="") as file:
        yield from (row for row in csv.DictReader(file) if row[f"{key}_a"] != row[f"{key}_b"])
