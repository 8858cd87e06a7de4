"""The images that the names in a list of pairs stand for."""

from pathlib import Path

import pytest

from components.pair_list.image_names import ImagesOnDisk, KnownImages, resolve
from components.pair_list.pair_lists import parse_pairs
from models.errors import UserError

IDS = ["ann/ann_0001.jpg", "bob/1.png", "J.K._Rowling/J.K._Rowling_0001.pgm"]


def known(_: Path) -> KnownImages:
    return KnownImages(IDS)


def on_disk(root: Path) -> ImagesOnDisk:
    for image_id in [*IDS, "ann/ann_0001.json", "ann/ann_0001.txt"]:
        (root / image_id).parent.mkdir(exist_ok=True)
        (root / image_id).write_bytes(b"{}")
    return ImagesOnDisk(root)


@pytest.mark.parametrize("images", [known, on_disk])
def test_images_are_found_with_and_without_their_ending(images, tmp_path):
    pairs = parse_pairs("l", b"ann/ann_0001\tbob/1.png\t0\nJ.K._Rowling/J.K._Rowling_0001\tbob/1\t0\n")
    assert resolve("l", pairs, images(tmp_path)) == {
        "ann/ann_0001": "ann/ann_0001.jpg",
        "bob/1.png": "bob/1.png",
        "J.K._Rowling/J.K._Rowling_0001": "J.K._Rowling/J.K._Rowling_0001.pgm",
        "bob/1": "bob/1.png",
    }


@pytest.mark.parametrize("images", [known, on_disk])
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("bob/1.pgn", "; did you mean 'bob/1.png'?"),
        ("bob/[1]", None),
        ("no/such/folder/1.png", None),
        ("x" * 5000, None),
        ("a\0b", None),
        ("..", None),
    ],
)
def test_a_name_without_an_image_is_an_error_with_its_line(images, name, hint, tmp_path):
    with pytest.raises(UserError) as caught:
        resolve("l", parse_pairs("l", f"ann/ann_0001\t{name}\t0".encode()), images(tmp_path))
    assert caught.value.code == "data-pair-list"
    assert caught.value.message.startswith(f"l line 1: no image {name!r}")
    assert hint is None or caught.value.message.endswith(hint)


def test_a_path_out_of_the_root_is_a_path(tmp_path):
    on_disk(tmp_path)
    images = ImagesOnDisk(tmp_path / "bob")
    assert images.find("../ann/ann_0001") == "../ann/ann_0001.jpg"
    assert images.find(f"{tmp_path}/bob/1") == f"{tmp_path}/bob/1.png"
