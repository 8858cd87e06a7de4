import json

import pytest
from pair_parts import declare_images

from models.data.pairs_artifact import MANIFEST, check_images, split_files

SHARD = "images/train/images-0"


@pytest.fixture
def artifact(tmp_path):
    for name in ("Split-train/pairs-1", "Split-train/pairs-0", "images/train/images-1", SHARD, "images/val/images-0"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode() * 100_000)
    declare_images(tmp_path, "train", "val")
    return tmp_path


def pattern(artifact, split="train"):
    return str(artifact / f"Split-{split}" / "*")


def test_the_files_of_a_split_are_its_pairs_and_its_declared_images(artifact):
    (artifact / "images/train/images-2").write_bytes(b"not declared")
    pairs, images = split_files(pattern(artifact))
    assert pairs == [str(artifact / f"Split-train/pairs-{number}") for number in (0, 1)]
    assert images == [str(artifact / f"images/train/images-{number}") for number in (0, 1)]
    check_images(pattern(artifact))


@pytest.mark.parametrize("missing", [MANIFEST, SHARD])
def test_a_missing_file_is_named(artifact, missing):
    (artifact / missing).unlink()
    with pytest.raises(FileNotFoundError, match=missing):
        split_files(pattern(artifact))


def test_a_split_without_pairs_is_named(artifact):
    with pytest.raises(FileNotFoundError, match="Split-val"):
        split_files(pattern(artifact, "val"))


def test_a_split_whose_images_are_not_declared_is_named(artifact):
    parts = json.loads((artifact / MANIFEST).read_text())
    (artifact / MANIFEST).write_text(json.dumps({**parts, "images/train": []}))
    with pytest.raises(FileNotFoundError, match="images/train"):
        split_files(pattern(artifact))


def test_a_shard_of_another_length_is_an_error(artifact):
    with (artifact / SHARD).open("ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match=f"{SHARD}: has 2100001 bytes, .* declares 2100000"):
        split_files(pattern(artifact))


def test_a_shard_of_other_content_is_an_error(artifact):
    content = (artifact / SHARD).read_bytes()
    (artifact / SHARD).write_bytes(content[:-1] + b"x")
    split_files(pattern(artifact))
    with pytest.raises(ValueError, match=f"{SHARD}: has the checksum"):
        check_images(pattern(artifact))
