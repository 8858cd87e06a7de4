"""Embeddings of a folder of images, as a file."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from components.storage.folders import LocalFolder, find_images
from components.storage.image_walk import printable
from models.data.image_formats import DAMAGED
from models.errors import UserError
from models.export.inference import LoadedModel, read_image


def embed_folder(model_dir: Path, images: Path, output: Path) -> tuple[int, list[tuple[str, str]]]:
    """Embeds every image below ``images`` into ``output``: ``embeddings`` float32 [n, d] and ``paths`` [n].

    Returns:
      The number of embeddings, and (path, reason) of each file without one.

    Raises:
      UserError: there is no folder or no readable image, or the output cannot be written.
    """
    if not images.is_dir():
        raise UserError(f"--images {images}: not a folder", code="data-not-found")
    if output.suffix != ".npz" or not output.absolute().parent.is_dir():
        raise UserError(f"--output {output}: must be an .npz file in an existing folder", code="config-invalid-option")
    files, others = find_images(LocalFolder(str(images)))
    names = [file.path for file in files]
    paths: list[str] = []
    unreadable = [(printable(file.path), reason) for file, reason in others]
    model = LoadedModel(model_dir)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("images", total=len(names))

        def readable() -> Iterator[bytes]:
            for name in names:
                progress.advance(task)
                try:
                    encoded = read_image(images / name)
                except UserError as error:
                    unreadable.append((name, str(error).partition(": ")[2]))
                    continue
                paths.append(name)
                yield encoded

        embeddings = model.embed(readable())
    whole = np.isfinite(embeddings).all(axis=1)
    unreadable += [(path, DAMAGED) for path, good in zip(paths, whole.tolist(), strict=True) if not good]
    paths = [path for path, good in zip(paths, whole.tolist(), strict=True) if good]
    embeddings = embeddings[whole]
    if not paths:
        raise UserError(
            f"--images {images}: no readable image ({len(names) + len(others)} files)", code="data-no-images"
        )
    try:
        np.savez(output, embeddings=embeddings, paths=np.array(paths))
    except OSError as error:
        raise UserError(f"--output {output}: {error.strerror}", code="config-not-writable") from None
    return len(paths), unreadable
