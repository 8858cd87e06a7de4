"""The table of a split's images in memory, and what pairs of them are sliced on. No pixels.

A row an image, sorted by id, so that it does not depend on the order of shards or the number of workers.

The slices beside a pair's kind: group, size of the identities, quality of the images. A measure over all pairs can hide
that a model fails on one group, on identities with few images, or on poor images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.pair_generator.quotas import Ints
from components.pair_generator.selection import Selection
from models.data.features import (
    GROUP,
    IDENTITY,
    IDENTITY_SIZE,
    IMAGE_DIGEST,
    IMAGE_ID,
    IMPOSTOR_OF,
    KIND,
    QUALITY,
    SIDES,
    side,
)
from models.errors import UserError

FILE, OFFSET, LENGTH = "file", "offset", "length"  # the shard, where in it the record begins, bytes of the Example
# In the split, of the image's identity (or of whom a forgery imitates); int32, in an ``ImageIndex`` alone.
IDENTITY_IMAGES = "identity_images"
SCHEMA = pa.schema(
    [
        (IMAGE_ID, pa.binary()),
        (IMAGE_DIGEST, pa.binary()),
        (IDENTITY, pa.binary()),
        (GROUP, pa.binary()),
        (IMPOSTOR_OF, pa.binary()),
        (FILE, pa.int32()),
        (OFFSET, pa.int64()),
        (LENGTH, pa.int64()),
        (QUALITY, pa.int8()),  # index into ``QUALITIES``
    ]
)

ACROSS_GROUPS = b"across groups"

# Worst first: a pair is as good as the worse of its images. Only images that lack spread are called dark, bright or
# flat: ink on white paper is bright on average, and nothing is wrong with it.
DARK, BRIGHT, FLAT, SMALL, GOOD = QUALITIES = (b"dark", b"bright", b"flat", b"small", b"good")

_FEW, _MANY = 0.25, 0.75  # mean brightness of 0..1 below and above which an image without spread is dark, bright
_SPREAD = 0.15  # standard deviation of the pixels: less, at such a mean, is a badly exposed image ...
_FLAT = 0.1  # ... and less than this at any mean is a flat one

_SIZES = ((20, b"20+"), (10, b"10-19"), (5, b"5-9"), (2, b"2-4"), (0, b"1"))


@dataclass(frozen=True)
class ImageIndex:
    """The images of one split."""

    table: pa.Table  # SCHEMA and IDENTITY_IMAGES, sorted by image id
    identities: Ints  # int64 [images]: index into ``names``; -1 for a given forgery
    imitated: Ints  # int64 [images]: of a forgery the index of whom it imitates; -1 for nobody here, and all others
    groups: Ints  # int64 [images]: -1 for none
    names: list[str]  # of the identities

    @classmethod
    def of(cls, split: str, parts: Sequence[pa.Table]) -> "ImageIndex":
        """Puts the rows of the shards together.

        Raises:
          UserError: the split is empty, or an image id occurs twice.
        """
        table = pa.concat_tables(parts).combine_chunks()
        if not len(table):
            raise UserError(
                f"split {split}: no images; change the split's share, or add images", code="data-split-empty"
            )
        table = table.take(pc.sort_indices(table, sort_keys=[(IMAGE_ID, "ascending")])).combine_chunks()
        ids = table[IMAGE_ID]
        repeated = np.flatnonzero(pc.equal(ids[1:], ids[:-1]).to_numpy())
        if len(repeated):
            name = _text(ids[int(repeated[0])])
            raise UserError(f"split {split}: image {name} occurs twice", code="data-image-repeated")
        forged = pc.not_equal(table[IMPOSTOR_OF], b"").to_numpy()
        everybody, names = _codes(table[IDENTITY].filter(pa.array(~forged)))
        identities = np.full(len(table), -1, np.int64)
        identities[~forged] = everybody
        imitated = _imitated(table[IMPOSTOR_OF], names)
        sizes = np.append(np.bincount(everybody, minlength=len(names)), 0)  # the last one: of nobody
        images = np.where(forged, sizes[imitated], sizes[identities])
        table = table.append_column(IDENTITY_IMAGES, pa.array(images.astype(np.int32)))
        groups, group_names = _codes(table[GROUP])
        nameless = [code for code, name in enumerate(group_names) if not name]
        return cls(table, identities, imitated, np.where(np.isin(groups, nameless), -1, groups), names)

    def sides(self, selection: Selection, columns: Sequence[str]) -> pa.Table:
        """A row a pair: ``a_...`` and ``b_...`` of the columns, and the kind as an index into KINDS."""
        rows = dict(zip(SIDES, (selection.a, selection.b), strict=True))
        data = {
            side(column, which): self.table[column].take(pa.array(rows[which])) for which in SIDES for column in columns
        }
        return pa.table({**data, KIND: pa.array(selection.kind)})

    def record_bytes(self, selection: Selection) -> int:
        """Bytes that the chosen images' Examples take when each pair stores both of its own."""
        lengths = self.table[LENGTH].to_numpy()
        return int(lengths[selection.a].sum() + lengths[selection.b].sum())


def check_apart(indices: Mapping[str, ImageIndex]) -> None:
    """Checks that no image, by id or by content, is in two splits.

    Raises:
      UserError: one is; it and the splits are named.
    """
    splits = list(indices)
    for number, one in enumerate(splits):
        for other in splits[number + 1 :]:
            for column, what in ((IMAGE_ID, "image"), (IMAGE_DIGEST, "the content of image")):
                here, there = indices[one].table, indices[other].table
                shared = np.flatnonzero(pc.is_in(here[column], value_set=there[column].combine_chunks()).to_numpy())
                if len(shared):
                    name = _text(here[IMAGE_ID][int(shared[0])])
                    raise UserError(
                        f"{what} {name} is in both splits {one} and {other} ({len(shared)} such): "
                        "test images must not be trained on; remove duplicates, or split again",
                        code="data-split-overlap",
                    )


def quality(brightness: float, contrast: float, source_height: int, source_width: int, height: int, width: int) -> int:
    """The quality of an image, as an index into ``QUALITIES``; one with fewer pixels than it was made into is small.

    Args:
      brightness: mean of the canonical pixels, 0..1.
      contrast: standard deviation of the canonical pixels, 0..0.5.
    """
    if contrast < _SPREAD and brightness < _FEW:
        found = DARK
    elif contrast < _SPREAD and brightness > _MANY:
        found = BRIGHT
    elif contrast < _FLAT:
        found = FLAT
    else:
        found = SMALL if source_height * source_width < height * width else GOOD
    return QUALITIES.index(found)


def slice_features(
    groups: tuple[bytes, bytes], identity_images: tuple[int, int], qualities: tuple[int, int]
) -> dict[str, bytes]:
    """The pair Example's features to slice on; without a group where neither image has one.

    Args:
      groups: of both images, "" for none.
      identity_images: images in the split of the identity of each.
      qualities: of both images, as indices into ``QUALITIES``.
    """
    found = {
        IDENTITY_SIZE: next(name for least, name in _SIZES if min(identity_images) >= least),
        QUALITY: QUALITIES[min(qualities)],
    }
    if any(groups):
        found[GROUP] = groups[0] if groups[0] == groups[1] else ACROSS_GROUPS
    return found


def _imitated(column: pa.ChunkedArray, names: list[str]) -> Ints:
    known = pa.array([name.encode() for name in names], pa.binary())
    return pc.fill_null(pc.index_in(column, value_set=known), -1).to_numpy().astype(np.int64)


def _codes(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    encoded = pc.dictionary_encode(column).combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    return encoded.indices.to_numpy().astype(np.int64), [_text(name) for name in encoded.dictionary]


def _text(value: pa.Scalar) -> str:
    return str(value.as_py().decode("utf-8", "replace"))
