"""What a training logged for TensorBoard: its curves, and the embeddings of validation images."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from components.run_report.pictures import data_url
from models.library_environment import import_tensorflow

MOST = 600  # images on the map, for which t-SNE takes seconds
_SIDE = 48  # pixels of their thumbnails
_SHOWN = {"train": ("loss",), "validation": ("auc", "eer", "accuracy")}  # curves, by run

Curve = list[tuple[int, float]]  # (epoch from 1, value)


def read_curves(logs: Path) -> dict[str, Curve]:
    """Curve name -> its points by epoch; empty if there are no logs.

    Args:
      logs: the folder of a training's logs, with the runs ``train`` and ``validation``.
    """
    if not (logs / "train").is_dir():
        return {}
    tf = import_tensorflow()  # before TensorBoard's reader imports it, with its log lines
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found: dict[str, Curve] = {}
    for run, names in _SHOWN.items():
        events = EventAccumulator(str(logs / run), size_guidance={"tensors": 0})
        events.Reload()
        for name in set(names) & set(events.Tags()["tensors"]):
            points = {event.step: float(tf.make_ndarray(event.tensor_proto)) for event in events.Tensors(name)}
            found[name] = [(step + 1, value) for step, value in sorted(points.items())]
    return {name: found[name] for names in _SHOWN.values() for name in names if found.get(name)}


@dataclass(frozen=True)
class EmbeddingMap:
    """The embeddings of validation images in two dimensions, with thumbnails.

    Attributes:
      points: [n, 2].
      identities: [n].
      names: [n], of the images.
      sprite: a ``data:`` URL of all thumbnails, ``columns`` in a row.
      columns: of the sprite.
      side: pixels of a thumbnail.
    """

    points: NDArray[np.float64]
    identities: list[str]
    names: list[str]
    sprite: str
    columns: int
    side: int = _SIDE


def read_map(logs: Path, seed: int) -> EmbeddingMap | None:
    """The map of the embeddings that a training wrote for TensorBoard's projector; None if there are fewer than 10.

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
    with threadpool_limits(1, "openmp"):  # its threads wait for each other by spinning: six times the CPU time
        points = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(embeddings[kept])
    columns = int(np.ceil(np.sqrt(len(kept))))
    sprite = Image.new("RGB", (columns * _SIDE, -(-len(kept) // columns) * _SIDE), "white")
    before = int(np.ceil(np.sqrt(len(rows))))
    with Image.open(folder / "sprite.png") as thumbnails:
        for position, row in enumerate(kept.tolist()):
            x, y = row % before * _SIDE, row // before * _SIDE
            one = thumbnails.crop((x, y, x + _SIDE, y + _SIDE))
            sprite.paste(one, (position % columns * _SIDE, position // columns * _SIDE))
    return EmbeddingMap(
        points.astype(np.float64),
        [rows[row]["identity"] for row in kept],
        [rows[row]["image"] for row in kept],
        data_url(sprite),
        columns,
    )
