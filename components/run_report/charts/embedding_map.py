"""Where the encoder puts the validation images, on a plane; their pictures as the pointer comes near."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.manifold import TSNE

from components.run_report.pictures import as_address

MOST = 600  # images: t-SNE takes seconds for them
_SIDE = 48  # of the training's thumbnails


@dataclass(frozen=True)
class EmbeddingMap:
    """Images on a plane.

    Attributes:
      places: [n, 2].
      identities: [n].
      names: [n], of the images.
      sprite: a ``data:`` address of all thumbnails, ``columns`` in a row.
      columns: of the sprite.
      side: pixels of a thumbnail.
    """

    places: NDArray[np.float64]
    identities: list[str]
    names: list[str]
    sprite: str
    columns: int
    side: int = _SIDE


def read_map(logs: Path, seed: int) -> EmbeddingMap | None:
    """The map of what a training wrote for TensorBoard's projector; none where it wrote too little.

    Args:
      logs: the folder of the training's logs.
      seed: of t-SNE (van der Maaten and Hinton 2008).
    """
    folder = logs / "embeddings"
    if not (folder / "embeddings.tsv").is_file():
        return None
    embeddings = np.loadtxt(folder / "embeddings.tsv", ndmin=2)
    with (folder / "metadata.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    if len(embeddings) < 10 or len(rows) != len(embeddings):
        return None
    kept = np.linspace(0, len(rows) - 1, min(MOST, len(rows))).astype(int)
    perplexity = min(30.0, (len(kept) - 1) / 3)
    places = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(embeddings[kept])
    columns = int(np.ceil(np.sqrt(len(kept))))
    sprite = Image.new("RGB", (columns * _SIDE, -(-len(kept) // columns) * _SIDE), "white")
    before = int(np.ceil(np.sqrt(len(rows))))
    with Image.open(folder / "sprite.png") as all_of_them:
        for place, row in enumerate(kept.tolist()):
            left, top = row % before * _SIDE, row // before * _SIDE
            one = all_of_them.crop((left, top, left + _SIDE, top + _SIDE))
            sprite.paste(one, (place % columns * _SIDE, place // columns * _SIDE))
    return EmbeddingMap(
        places.astype(np.float64),
        [rows[row]["identity"] for row in kept],
        [rows[row]["image"] for row in kept],
        as_address(sprite),
        columns,
    )
