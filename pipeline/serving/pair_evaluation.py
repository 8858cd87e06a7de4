"""Distances and scores of a user's list of pairs, by a pushed model."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from components.storage.pair_lists import COLUMNS, ImagesOnDisk, read_pair_list, resolve
from models.data.image_formats import DAMAGED
from models.errors import UserError
from models.export.inference import LoadedModel, read_image
from models.verification.rates import Floats


@dataclass(frozen=True)
class Protocol:
    """A list of pairs of image files below ``root``: ``a``, ``b``, and ``same`` [n], 1 genuine or 0 impostor."""

    root: Path
    a: list[str]
    b: list[str]
    same: NDArray[np.int64]


def read_protocol(path: Path, root: Path) -> Protocol:
    """Reads a list of pairs in any form of ``components.storage.pair_lists``.

    Raises:
      UserError: the file cannot be read, or a line is malformed; names it.
    """
    pairs = read_pair_list(str(path), distinct=False)
    found = resolve(str(path), pairs, ImagesOnDisk(root))
    same = np.array([pair.same for pair in pairs], np.int64)
    return Protocol(root, [found[pair.a] for pair in pairs], [found[pair.b] for pair in pairs], same)


def score_pairs(model: LoadedModel, protocol: Protocol) -> tuple[Floats, Floats]:
    """Distances [n] and scores [n]; every image is embedded once, however many pairs it is in.

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
        raise UserError(f"{protocol.root / names[int(damaged.argmax())]}: {DAMAGED}", code="data-unreadable-image")
    a, b = (embeddings[[row_of[name] for name in side]] for side in (protocol.a, protocol.b))
    return model.score_embeddings(a, b)


def write_scores(path: Path, protocol: Protocol, distance: Floats, score: Floats) -> None:
    """Writes the list with a distance and a score for each pair.

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
        raise UserError(f"{path}: {error.strerror}", code="config-not-writable") from None
