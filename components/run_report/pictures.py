"""Pairs of images on the page: misclassified pairs, pairs near the threshold, and the easiest pairs."""

import base64
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.pair_scores.table import ScoredPairs
from models.data import features
from models.library_environment import import_tensorflow

EACH = 12  # pairs under a heading
_SIDE = 160  # pixels at most; the page enlarges small pictures


@dataclass(frozen=True)
class ShownPair:
    """One pair on the page.

    Attributes:
      a: a ``data:`` URL of its first image.
      b: of its second.
      names: of the two images.
      identities: of the two.
      score: of the pair.
      other: its score under the other model; or None.
    """

    a: str
    b: str
    names: tuple[str, str]
    identities: tuple[str, str]
    score: float
    other: float | None = None


def select_pairs(scores: ScoredPairs) -> dict[str, NDArray[np.int64]]:
    """The rows of the pairs to show, by heading."""
    called, order = scores.score > 0.5, np.argsort(-scores.score, kind="stable")
    accepts, rejects = order[(called & ~scores.same)[order]], order[::-1][(~called & scores.same)[order[::-1]]]
    near = np.argsort(np.abs(scores.score - 0.5), kind="stable")
    easy = order[(called & scores.same)[order]]
    found = {
        "False accepts: impostor pairs with the highest scores": accepts,
        "False rejects: genuine pairs with the lowest scores": rejects,
        "Hard examples: pairs nearest to the threshold": near,
        "Easy examples: genuine pairs with the highest scores": easy,
    }
    return {heading: rows[:EACH] for heading, rows in found.items() if len(rows)}


def pictures(scores: ScoredPairs, pairs: Path, rows: Mapping[str, NDArray[np.int64]]) -> dict[str, list[ShownPair]]:
    """The pairs with their pixels, by heading.

    Args:
      scores: of the test pairs.
      pairs: the pairs artifact, whose test split holds the pixels.
      rows: of the pairs to show, by heading, as from ``select_pairs``.
    """
    wanted = {_id(scores, row): row for several in rows.values() for row in several.tolist()}
    found = dict(_found(pairs, set(wanted)))
    return {
        heading: [
            ShownPair(
                *found[key],
                names=(str(scores.images[0][row]), str(scores.images[1][row])),
                identities=(str(scores.identities[0][row]), str(scores.identities[1][row])),
                score=float(scores.score[row]),
                other=None if scores.baseline_score is None else float(scores.baseline_score[row]),
            )
            for row in several.tolist()
            if (key := _id(scores, row)) in found
        ]
        for heading, several in rows.items()
    }


def data_url(image: Image.Image) -> str:
    """The image as a ``data:`` URL."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG" if max(image.size) <= 64 else "JPEG", quality=85)
    kind = "png" if max(image.size) <= 64 else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _id(scores: ScoredPairs, row: int) -> str:
    return f"{scores.images[0][row]}|{scores.images[1][row]}"


def _found(pairs: Path, wanted: set[str]) -> Iterator[tuple[str, tuple[str, str]]]:
    """(pair id, its two pictures) of the wanted pairs; stops once all are found."""
    tf = import_tensorflow()  # here: a run without pictures does not need it

    from components.storage.tfrecords import find_shards, read_records

    missing = set(wanted)
    for shard in find_shards(str(pairs / f"Split-{features.TEST}")):
        for _, record in read_records(shard):
            if not missing:
                return
            content = tf.train.Example.FromString(record).features.feature
            key = content[features.PAIR_ID].bytes_list.value[0].decode("utf-8")
            if key in missing:
                missing.remove(key)
                a, b = (_picture(content, which) for which in "ab")
                yield key, (a, b)


def _picture(content: Any, which: str) -> str:
    keys = (features.HEIGHT, features.WIDTH, features.CHANNELS)
    shape = [content[features.side(key, which)].int64_list.value[0] for key in keys]
    pixels = content[features.side(features.PIXELS, which)].bytes_list.value[0]
    image = Image.fromarray(np.frombuffer(pixels, np.uint8).reshape(shape).squeeze())
    image.thumbnail((_SIDE, _SIDE))
    return data_url(image)
