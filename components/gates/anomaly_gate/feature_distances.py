"""Distances between sets of images: a file that AnomalyGate writes beside its verdict. Needs no TFX."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError

FILE = "distances.json"


class Distance(BaseModel):
    """The distance of one feature between the train split and another set of images.

    Attributes:
      feature: of the images.
      other: the split, or the span before.
      measure: of distributions, 0 (the same) to 1 (nothing in common).
      value: measured.
      allowed: the largest before the run stops.
    """

    feature: str
    other: str
    measure: str
    value: float
    allowed: float


_ALL = TypeAdapter(list[Distance])


def write_distances(folder: Path, distances: Sequence[Distance]) -> None:
    """Writes them into an artifact's folder."""
    (folder / FILE).write_bytes(_ALL.dump_json(list(distances), indent=2))


def read_distances(folder: Path) -> list[Distance]:
    """Reads them; empty if they were not written, or cannot be read."""
    try:
        return _ALL.validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError):
        return []
