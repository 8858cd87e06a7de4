"""Near-duplicates: found by a perceptual hash, reported, and, on request, kept in one split.

The hash is pHash: 64 low frequencies of the cosine transform, each above or below their median (Zauner 2010), bit for
bit as ImageHash computes it for one image; here for several at once, which is quicker. It finds copies
that were encoded again, scaled or brightened, not ones that were cropped or rotated; simple drawings are near to one
another without being copies. ``benchmarks/RESULTS.md`` has the figures.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fftpack import dct

from components.image_example_gen.quarantine import csv_text
from components.image_example_gen.sources.source import Found
from models.data.features import SPLITS
from models.errors import UserError

_SIDE, _LOW = 32, 8  # pixels of what is transformed, frequencies of each direction that count
_BITS = _LOW**2
_LARGEST = 2000  # different hashes that share a part, all compared with each other; of more, each with as many after it
_HEADER = ("path_a", "path_b", "distance", "identity_a", "identity_b", "split_a", "split_b")


class Near(NamedTuple):
    """Two images whose hashes differ in ``distance`` bits, by their index among the rows; a before b."""

    a: int
    b: int
    distance: int


def perceptual_hashes(images: Sequence[NDArray[np.uint8]]) -> list[str]:
    """The hashes of canonical pixels, each uint8 [height, width, 1 or 3]: 16 hex digits."""
    if not images:
        return []
    grey = (Image.fromarray(one[:, :, 0]) if one.shape[2] == 1 else Image.fromarray(one).convert("L") for one in images)
    small = np.stack([np.asarray(one.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)) for one in grey])
    low = dct(dct(small, axis=1)[:, :_LOW], axis=2)[:, :, :_LOW].reshape(-1, _BITS)
    above = low > np.median(low, axis=1, keepdims=True)
    return [bits.tobytes().hex() for bits in np.packbits(above, axis=1)]


def find_near(hashes: Sequence[str], distance: int) -> list[Near]:
    """Pairs of hashes that differ in at most ``distance`` bits.

    Of equal hashes each is paired with the first alone, so that a thousand blank images give a thousand pairs. Of
    different ones all pairs are found: cut into ``distance + 1`` parts, two such hashes agree in one.

    Args:
      hashes: 16 hex digits each.
      distance: 0 .. 8.
    """
    values = np.array([int(text, 16) for text in hashes], np.uint64)
    different, first, which = np.unique(values, return_index=True, return_inverse=True)
    found = [Near(int(first[code]), row, 0) for row, code in enumerate(which.ravel()) if first[code] != row]
    edges = np.linspace(0, _BITS, distance + 2).astype(int)
    seen: set[tuple[int, int]] = set()
    for low, high in pairwise(edges) if distance else ():
        part = (different >> np.uint64(low)) & np.uint64(2 ** int(high - low) - 1)
        for bucket in _buckets(part):
            for index, one in enumerate(bucket[:-1], start=1):
                others = bucket[index : index + _LARGEST]
                distances = _bits_set(different[one] ^ different[others])
                for other, bits in zip(others[distances <= distance], distances[distances <= distance], strict=True):
                    a, b = sorted((int(first[one]), int(first[other])))
                    if (a, b) not in seen:
                        seen.add((a, b))
                        found.append(Near(a, b, int(bits)))
    return sorted(found)


def moves_to_one_split(rows: Sequence[Found], near: Iterable[Near], key: Callable[[Found], str]) -> dict[str, str]:
    """The split of each image that must move so that near-duplicates share one, by image id.

    Everything that must stay together with one of them (``key``) goes along. A cluster goes to the split that the user
    sets for one of its images, else to that of its first key.

    Raises:
      UserError: the user sets different splits for images of one cluster.
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for pair in near:
        ends = sorted({root(key(rows[pair.a])), root(key(rows[pair.b]))})
        parent[ends[-1]] = ends[0]
    clusters: dict[str, list[Found]] = defaultdict(list)
    for row in rows:
        if key(row) in parent:
            clusters[root(key(row))].append(row)
    moves: dict[str, str] = {}
    for cluster in clusters.values():
        given = sorted({row.given_split for row in cluster if row.given_split}, key=SPLITS.index)
        if len(given) > 1:
            shown = [min(row.image_id for row in cluster if row.given_split == split) for split in given]
            message = (
                f"near-duplicates have different splits ({', '.join(shown)}): change the splits, or set "
                "data.near_duplicates: report"
            )
            raise UserError(message, code="data-split-conflict")
        target = given[0] if given else min(cluster, key=lambda row: (key(row), row.image_id)).split
        moves |= {row.image_id: target for row in cluster if row.split != target}
    return moves


def as_csv(rows: Sequence[Found], near: Iterable[Near]) -> str:
    """The text of ``near_duplicates.csv``: both paths, the distance in bits, identities and splits."""
    ends = ((rows[pair.a], rows[pair.b], pair.distance) for pair in near)
    return csv_text(
        _HEADER, ((a.image_id, b.image_id, bits, a.identity, b.identity, a.split, b.split) for a, b, bits in ends)
    )


def count(rows: Sequence[Found], near: Sequence[Near]) -> dict[str, int]:
    """Pairs of near-duplicates, and how many of them lie under two identities and in two splits."""
    ends = [(rows[pair.a], rows[pair.b]) for pair in near]
    return {
        "pairs": len(ends),
        "across_identities": sum(a.identity != b.identity for a, b in ends),
        "across_splits": sum(a.split != b.split for a, b in ends),
    }


def _buckets(part: NDArray[np.uint64]) -> Iterator[NDArray[np.int64]]:
    """The indices of equal values, where there are several."""
    order = np.argsort(part, kind="stable")
    edges = np.flatnonzero(np.diff(part[order])) + 1
    starts, ends = np.concatenate([[0], edges]), np.concatenate([edges, [len(part)]])
    for start, end in zip(*(bound[ends - starts > 1] for bound in (starts, ends)), strict=True):
        yield order[start:end]


def _bits_set(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    return np.unpackbits(values.view(np.uint8).reshape(len(values), 8), axis=1).sum(axis=1).astype(np.int64)
