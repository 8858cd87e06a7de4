"""A user's own list of pairs, scored by a pushed model."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from models.calibration import Floats
from models.containers import DAMAGED
from models.errors import UserError
from models.inference import LoadedModel, read_image

COLUMNS = ("image_a", "image_b", "same")


@dataclass(frozen=True)
class Protocol:
    """Pairs of image files: ``a`` and ``b`` as written in the list, ``same`` [n] 1 genuine, 0 impostor."""

    root: Path
    a: list[str]
    b: list[str]
    same: NDArray[np.int64]


def read_protocol(path: Path, root: Path) -> Protocol:
    """Reads a CSV with the columns image_a, image_b and same.

    Raises:
      UserError: the file, or the line, and what is wrong with it.
    """
    a: list[str] = []
    b: list[str] = []
    same: list[int] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in COLUMNS if column not in (reader.fieldnames or [])]
            if missing:
                raise UserError(f"{path}: column {missing[0]} is missing; it must have {','.join(COLUMNS)}")
            for row in reader:
                label = (row["same"] or "").strip()
                if label not in ("0", "1") or not row["image_a"] or not row["image_b"]:
                    line = ",".join(str(row[column]) for column in COLUMNS)
                    raise UserError(f"{path} line {reader.line_num}: {line!r} must be two paths and same = 1 or 0")
                a.append(row["image_a"])
                b.append(row["image_b"])
                same.append(int(label))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a CSV in UTF-8: {error}") from None
    if not same:
        raise UserError(f"{path}: holds no pairs")
    return Protocol(root, a, b, np.array(same, np.int64))


def score_pairs(model: LoadedModel, protocol: Protocol) -> tuple[Floats, Floats]:
    """(distances [n], scores [n]); every image is read and embedded once, however many pairs it is in.

    Raises:
      UserError: an image cannot be read.
    """
    names = sorted({*protocol.a, *protocol.b})
    row_of = {name: row for row, name in enumerate(names)}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("images", total=len(names))
        encoded = (read_image(protocol.root / name) for name in names)
        embeddings = model.embed(encoded, lambda count: progress.advance(task, count))
    damaged = np.isnan(embeddings).any(axis=1)
    if damaged.any():
        raise UserError(f"{protocol.root / names[int(damaged.argmax())]}: {DAMAGED}")
    a, b = (embeddings[[row_of[name] for name in side]] for side in (protocol.a, protocol.b))
    return model.judge(a, b)


def write_scores(path: Path, protocol: Protocol, distance: Floats, score: Floats) -> None:
    """Writes the list again with a distance and a score for each pair.

    Raises:
      UserError: the file cannot be written.
    """
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*COLUMNS, "distance", "score"])
            for row in zip(protocol.a, protocol.b, protocol.same, distance, score, strict=True):
                writer.writerow([*row[:3], f"{row[3]:.6f}", f"{row[4]:.6f}"])
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
