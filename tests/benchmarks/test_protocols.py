import csv

import pytest
from PIL import Image

from benchmarks._protocols import PROTOCOLS, write_manifest

HELD_OUT = PROTOCOLS["omniglot"].test


@pytest.fixture
def omniglot(tmp_path):
    alphabets = (*HELD_OUT, *(f"Alphabet_{number}" for number in range(8)))
    for number, alphabet in enumerate(alphabets):
        folder = tmp_path / "background" / alphabet / "character01"
        folder.mkdir(parents=True)
        for drawer in range(1, 21):
            Image.new("1", (3, 3)).save(folder / f"{number:04d}_{drawer:02d}.png")
    return tmp_path / "background"


def rows(protocol, images, seed, folder):
    folder.mkdir()
    write_manifest(PROTOCOLS[protocol], images, seed, folder / "manifest.csv")
    with (folder / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def alphabets_in(listed, split):
    return {row["group"] for row in listed if row["split"] == split}


def test_the_held_out_alphabets_test_whatever_the_seed_and_others_validate(omniglot, tmp_path):
    one, other = (rows("omniglot", omniglot, seed, tmp_path / str(seed)) for seed in (0, 1))
    for listed in (one, other):
        assert len(listed) == 13 * 20
        assert alphabets_in(listed, "test") == set(HELD_OUT)
        assert len(alphabets_in(listed, "val")) == 5
        assert len(alphabets_in(listed, "train")) == 3
    assert alphabets_in(one, "val") != alphabets_in(other, "val")


def test_by_koch_no_drawer_is_in_two_splits(omniglot, tmp_path):
    listed = rows("koch", omniglot, 0, tmp_path / "koch")
    drawers = {split: set() for split in ("train", "val", "test")}
    for row in listed:
        drawers[row["split"]].add(int(row["path"].removesuffix(".png").split("_")[-1]))
    assert drawers == {"train": set(range(1, 13)), "val": set(range(13, 17)), "test": set(range(17, 21))}
    assert alphabets_in(listed, "test") == set(HELD_OUT)
