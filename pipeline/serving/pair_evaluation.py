"""A user's own list of pairs, scored by a pushed model."""

import csv
import glob
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from components.pair_list.parsing import COLUMNS, parse_pairs
from components.pair_list.reading import read_bytes
from models.data.image_formats import DAMAGED
from models.errors import UserError
from models.export.inference import LoadedModel, read_image
from models.verification.rates import Floats


@dataclass(frozen=True)
class Protocol:
    """Pairs of image files: ``a`` and ``b`` as written in the list, ``same`` [n] 1 genuine, 0 impostor."""

    root: Path
    a: list[str]
    b: list[str]
    same: NDArray[np.int64]


def read_protocol(path: Path, root: Path) -> Protocol:
    """Reads a list of pairs: CSV, lines, or LFW's; see ``components.pair_list.parsing``.

    Raises:
      UserError: the file, or the line, and what is wrong with it.
    """
    pairs = parse_pairs(str(path), read_bytes(str(path)), distinct=False)
    found = {name: _file(root, name) for pair in pairs for name in (pair.a, pair.b)}
    same = np.array([pair.same for pair in pairs], np.int64)
    return Protocol(root, [found[pair.a] for pair in pairs], [found[pair.b] for pair in pairs], same)


def _file(root: Path, name: str) -> str:
    """The file that a name stands for: LFW leaves the ending out."""
    if (root / name).exists() or PurePosixPath(name).suffix:
        return name
    beside = sorted((root / name).parent.glob(f"{glob.escape(PurePosixPath(name).name)}.*"))
    return str(beside[0].relative_to(root)) if beside else name


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
    return model.score_embeddings(a, b)


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
