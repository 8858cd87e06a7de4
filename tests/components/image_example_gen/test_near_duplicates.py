"""Near-duplicates: all are found, reported by name, and, on request, kept in one split."""

import itertools

import imagehash
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from components.image_example_gen.near_duplicates import (
    Near,
    as_csv,
    count,
    find_near,
    moves_to_one_split,
    perceptual_hashes,
)
from components.image_example_gen.sources.source import Found
from models.errors import UserError

HASHES = st.integers(0, 2**64 - 1)


@st.composite
def crowds(draw):
    """Hashes of which many are near to one another."""
    hashes = draw(st.lists(HASHES, min_size=1, max_size=8))
    for _ in range(draw(st.integers(0, 12))):
        value = draw(st.sampled_from(hashes))
        for bit in draw(st.lists(st.integers(0, 63), max_size=4)):
            value ^= 1 << bit
        hashes.append(value)
    return hashes


@given(crowds(), st.integers(0, 8))
def test_every_near_pair_of_different_hashes_is_found_once(values, distance):
    found = find_near([f"{value:016x}" for value in values], distance)
    assert all(one.a < one.b and (values[one.a] ^ values[one.b]).bit_count() == one.distance for one in found)
    firsts = [row for row, value in enumerate(values) if value not in values[:row]]
    expected = {(a, b) for a, b in itertools.combinations(firsts, 2) if (values[a] ^ values[b]).bit_count() <= distance}
    copies = {(values.index(value), row) for row, value in enumerate(values) if value in values[:row]}
    assert {(one.a, one.b) for one in found} == expected | copies
    assert len(found) == len(expected) + len(copies)


def test_many_blank_images_give_a_pair_each_and_no_more():
    assert len(find_near(["0" * 16] * 5000, 2)) == 4999


def test_a_lightened_copy_is_near_and_another_image_is_not():
    random = np.random.default_rng(0)
    smooth = np.kron(random.integers(60, 180, (8, 8, 1)), np.ones((8, 8, 1))).astype(np.uint8)
    lighter, other = (smooth * 1.1).astype(np.uint8), np.rot90(smooth).copy()
    hashes = perceptual_hashes([smooth, lighter, other]) + perceptual_hashes([np.repeat(smooth, 3, axis=2)])
    assert {(0, 1), (0, 3)} <= {(one.a, one.b) for one in find_near(hashes, 2)}
    assert not any(2 in (one.a, one.b) for one in find_near(hashes, 8))


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 1), (9, 70, 1), (40, 30, 3)])
def test_the_hashes_are_those_of_imagehash(shape):
    random = np.random.default_rng(shape[0])
    pixels = [*random.integers(0, 256, (40, *shape), np.uint8), np.zeros(shape, np.uint8)]
    images = [Image.fromarray(one.squeeze()) for one in pixels]
    assert perceptual_hashes(pixels) == [str(imagehash.phash(image)) for image in images]
    assert perceptual_hashes([]) == []


def rows(**splits: str) -> list[Found]:
    return [
        Found(f"{who}/{n}", who, "", split=split, digest=f"{who}{n}") for who, split in splits.items() for n in "12"
    ]


def identity(row: Found) -> str:
    return row.identity


def test_near_duplicates_go_to_one_split_with_all_of_their_identities():
    images = rows(ann="train", bob="test", cem="val")
    moves = moves_to_one_split(images, [Near(0, 3, 1)], identity)
    assert moves == {"bob/1": "train", "bob/2": "train"}
    chained = moves_to_one_split(images, [Near(2, 4, 1), Near(0, 3, 1)], identity)
    assert chained == {"bob/1": "train", "bob/2": "train", "cem/1": "train", "cem/2": "train"}


def test_given_splits_win_and_must_agree():
    images = [
        row._replace(given_split="test") if row.identity == "bob" else row for row in rows(ann="train", bob="test")
    ]
    assert moves_to_one_split(images, [Near(0, 3, 1)], identity) == {"ann/1": "test", "ann/2": "test"}
    separated = [row._replace(given_split=row.split) for row in images]
    with pytest.raises(UserError, match=r"\(ann/1, bob/1\)") as caught:
        moves_to_one_split(separated, [Near(0, 3, 1)], identity)
    assert caught.value.code == "data-split-conflict"


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda pair: pair[0] != pair[1]), max_size=8))
def test_near_duplicates_share_a_split_whatever_the_order(pairs):
    images = rows(a="train", b="test", c="val", d="train", e="test", f="val")
    near = [Near(*sorted(pair), 1) for pair in pairs]
    moves = moves_to_one_split(images, near, identity)
    assert moves == moves_to_one_split(images, near[::-1], identity)
    split = {row.image_id: moves.get(row.image_id, row.split) for row in images}
    assert all(split[images[one.a].image_id] == split[images[one.b].image_id] for one in near)
    for who in "abcdef":
        assert split[f"{who}/1"] == split[f"{who}/2"]


def test_the_report_names_files_identities_and_splits():
    images = rows(ann="train", bob="test")
    near = [Near(0, 1, 0), Near(1, 2, 2)]
    assert as_csv(images, near).splitlines() == [
        "path_a,path_b,distance,identity_a,identity_b,split_a,split_b",
        "ann/1,ann/2,0,ann,ann,train,train",
        "ann/2,bob/1,2,ann,bob,train,test",
    ]
    assert count(images, near) == {"pairs": 2, "across_identities": 1, "across_splits": 1}
