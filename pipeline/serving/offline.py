"""Pushed models on files of images: the model that ``--model`` names, embeddings of a folder, scores of a pair list."""

import atexit
import csv
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from components.serving_folder.serving_folder import fetch_served, served
from components.storage.folders import LocalFolder, find_images
from components.storage.image_walk import printable
from components.storage.pair_lists import COLUMNS, ImagesOnDisk, read_pair_list, repeated, resolve
from components.storage.skips import Skips
from models.data.image_formats import DAMAGED
from models.errors import UserError
from models.export.inference import LoadedModel, read_image
from models.user_files import create_text, replacing
from models.verification.arrays import Floats


def model_folder(model: Path | str) -> Path:
    """A SavedModel's folder as it is, or the newest version in a serving folder, downloaded if need be.

    Raises:
      UserError: there is no model, or it cannot be read.
    """
    if address := store_address(model):
        return _downloaded(address)
    path = Path(model)
    if (path / "saved_model.pb").is_file():
        return path
    newest = served(path) if path.is_dir() else None
    if newest is None:
        raise UserError(
            f"--model {model}: neither a SavedModel nor a serving folder with versions of one", code="model-not-found"
        )
    return newest


def store_address(model: Path | str) -> str | None:
    """The address in an object store that ``--model`` is, or None for a path; a ``Path`` lost one of its slashes."""
    parts = re.fullmatch(r"([a-z][a-z0-9+.-]+):/+(.+)", str(model))
    return f"{parts[1]}://{parts[2]}" if parts and not Path(model).exists() else None


def _downloaded(address: str) -> Path:
    """A copy of the version that serves, until this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="siamese-model-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if fetch_served(address, folder / "model") is None:
        raise UserError(
            f"--model {address}: no version of a model there; name the serving folder, not a version",
            code="model-not-found",
        )
    return folder / "model"


def embed_folder(
    model_dir: Path, images: Path, output: Path, skips: Skips | None = None
) -> tuple[int, list[tuple[str, str]]]:
    """Embeds every image below ``images`` into ``output``: ``embeddings`` float32 [n, d] and ``paths`` [n].

    Args:
      skips: counts what is passed over.

    Returns:
      The number of embeddings, and (path, reason) of each file without one.

    Raises:
      UserError: there is no folder or no readable image, or the output cannot be written.
    """
    if not images.is_dir():
        raise UserError(f"--images {images}: not a folder", code="data-not-found")
    if output.suffix != ".npz" or not output.absolute().parent.is_dir() or (output.exists() and not output.is_file()):
        raise UserError(f"--output {output}: must be an .npz file in an existing folder", code="config-invalid-option")
    files, others = find_images(LocalFolder(str(images)), skips)
    paths: list[str] = []
    unreadable = [(printable(file.path), reason) for file, reason in others]
    model = LoadedModel(model_dir)
    with Progress(console=Console(stderr=True), transient=True) as progress:

        def readable() -> Iterator[bytes]:
            for file in progress.track(files, description="images"):
                try:
                    encoded = read_image(images / file.path)
                except UserError as error:
                    unreadable.append((file.path, str(error).partition(": ")[2]))
                    continue
                paths.append(file.path)
                yield encoded

        embeddings = model.embed(readable())
    whole = np.isfinite(embeddings).all(axis=1)
    unreadable += [(path, DAMAGED) for path, good in zip(paths, whole, strict=True) if not good]
    kept = [path for path, good in zip(paths, whole, strict=True) if good]
    if not kept:
        raise UserError(
            f"--images {images}: no readable image ({len(files) + len(others)} files)", code="data-no-images"
        )
    try:
        with replacing(output) as staging:
            np.savez(staging, embeddings=embeddings[whole], paths=np.array(kept))
    except OSError as error:
        raise UserError(f"--output {output}: {error.strerror}", code="config-not-writable") from None
    return len(kept), unreadable


@dataclass(frozen=True)
class Protocol:
    """A list of pairs of image files below ``root``: ``a``, ``b``, and ``same`` [n], 1 genuine or 0 impostor.

    Attributes:
      notes: what is odd about the pairs, a sentence each.
    """

    root: Path
    a: list[str]
    b: list[str]
    same: NDArray[np.int64]
    notes: tuple[str, ...] = ()


def read_protocol(path: Path, root: Path) -> Protocol:
    """Reads a list of pairs in any form of ``components.storage.pair_lists``.

    Raises:
      UserError: the file cannot be read, or a line is malformed; names it.
    """
    pairs = read_pair_list(str(path), distinct=False)
    found = resolve(str(path), pairs, ImagesOnDisk(root))
    same = np.array([pair.same for pair in pairs], np.int64)
    again, itself = repeated(pairs, found)
    notes = [f"{again:,} pairs repeat an earlier one"] if again else []
    notes += [f"{itself:,} pairs are of an image with itself"] if itself else []
    return Protocol(root, [found[pair.a] for pair in pairs], [found[pair.b] for pair in pairs], same, tuple(notes))


def score_pairs(
    model: LoadedModel, protocol: Protocol, look: Callable[[bytes], None] = lambda _: None
) -> tuple[Floats, Floats]:
    """Distances [n] and scores [n]; every image is embedded once, however many pairs it is in.

    Args:
      look: is called with each image, as the model's signatures take it.

    Raises:
      UserError: an image cannot be read.
    """
    names = sorted({*protocol.a, *protocol.b})
    row_of = {name: row for row, name in enumerate(names)}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("images", total=len(names))

        def encoded() -> Iterator[bytes]:
            for name in names:
                image = read_image(protocol.root / name)
                look(image)
                yield image

        embeddings = model.embed(encoded(), lambda count: progress.advance(task, count))
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
        with replacing(path) as staging, create_text(staging) as file:
            writer = csv.writer(file)
            writer.writerow([*COLUMNS, "distance", "score"])
            for row in zip(protocol.a, protocol.b, protocol.same, distance, score, strict=True):
                writer.writerow([*row[:3], f"{row[3]:.6f}", f"{row[4]:.6f}"])
    except OSError as error:
        raise UserError(f"--scores {path}: {error.strerror}", code="config-not-writable") from None
