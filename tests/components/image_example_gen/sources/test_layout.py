"""Folders named after splits, in many spellings and above any layout; hints that hold for the names that were found."""

import tarfile
import zipfile
from pathlib import Path

import pytest

from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.sources.address import open_source
from components.image_example_gen.sources.source import Listing
from models.errors import UserError

KAGGLE = ["train/ann/1.png", "train/bob/1.png", "test/ann/2.png", "valid/cy/1.png"]


def as_folder(root: Path, paths: list[str]) -> str:
    for path in paths:
        (root / "data" / path).parent.mkdir(parents=True, exist_ok=True)
        (root / "data" / path).write_bytes(b"x")
    return str(root / "data")


def as_zip(root: Path, paths: list[str]) -> str:
    with zipfile.ZipFile(root / "data.zip", "w") as archive:
        for path in paths:
            archive.writestr(f"all/of it/{path}", b"x")
    return str(root / "data.zip")


def as_tar(root: Path, paths: list[str]) -> str:
    with tarfile.open(root / "data.tgz", "w:gz") as archive:
        archive.add(as_folder(root, paths), "data")
    return str(root / "data.tgz")


def list_images(address: str, layout="identity") -> Listing:
    return open_source(address, IngestSettings(layout=layout)).source.list()


def refusal(root: Path, paths: list[str], layout="identity") -> UserError:
    with pytest.raises(UserError) as caught:
        list_images(as_folder(root, paths), layout)
    assert "\n" not in caught.value.message
    return caught.value


@pytest.mark.parametrize("kind", [as_folder, as_zip, as_tar])
@pytest.mark.parametrize(
    "unlabelled", ["test/{}.png", "test/images/{}.png", "Test_Images/{}.png", "test/test/{}.png", "unlabeled/{}.png"]
)
def test_images_without_a_label_are_passed_over_and_counted(tmp_path, kind, unlabelled):
    paths = ["train/ann/1.png", "train/bob/1.png", *(unlabelled.format(number) for number in range(9))]
    listing = list_images(kind(tmp_path, paths))
    assert [(one.identity, one.given_split, one.divided) for one in listing.found] == [
        ("ann", "train", "val test"),
        ("bob", "train", "val test"),
    ]
    assert listing.passed_over == {"images without a label": 9}
    assert listing.notes[1].endswith(f"so without labels: {unlabelled.partition('/')[0]}")
    assert not listing.set_aside


@pytest.mark.parametrize("kind", [as_folder, as_zip, as_tar])
def test_folders_of_splits_above_the_identities_are_given_splits(tmp_path, kind):
    listing = list_images(kind(tmp_path, KAGGLE))
    assert sorted((one.identity, one.given_split, one.divided) for one in listing.found) == [
        ("ann", "test", ""),
        ("ann", "train", ""),
        ("bob", "train", ""),
        ("cy", "val", ""),
    ]
    assert {one.identity_images for one in listing.found if one.identity == "ann"} == {2}
    (note,) = listing.notes
    assert note == "folders of the images taken as given splits: train = train; val = valid; test = test"
    assert not listing.hint


def test_the_groups_lie_below_the_splits(tmp_path):
    paths = ["Training/g/ann/1.png", "Training/h/ann/2.png", "TEST/g/bob/1.png"]
    listing = list_images(as_folder(tmp_path, paths), "group/identity")
    assert [(one.identity, one.group, one.given_split, one.divided) for one in listing.found] == [
        ("g/bob", "g", "test", ""),
        ("g/ann", "g", "train", "val"),
        ("h/ann", "h", "train", "val"),
    ]
    assert "val taken out of train" in listing.notes[0]


def test_what_lies_beside_the_splits_is_set_aside(tmp_path):
    listing = list_images(as_folder(tmp_path, [*KAGGLE, "dan/1.png", "test/2.png", "sample.png", "test/eve/1.heic"]))
    assert {entry.image_id: (entry.reason, entry.identity) for entry in listing.set_aside} == {
        "dan/1.png": ("misplaced: not below test or train or valid, as the other images are", "dan"),
        "sample.png": ("misplaced: not below test or train or valid, as the other images are", ""),
        "test/2.png": ("misplaced: too shallow for <identity>/<image>", ""),
        "test/eve/1.heic": ("unsupported format HEIC", "eve"),
    }


def test_an_identity_may_have_the_name_of_a_split(tmp_path):
    listing = list_images(as_folder(tmp_path, ["test/1.png", "train/1.png", "ann/1.png", "train/sub/2.png"]))
    assert [one.identity for one in listing.found] == ["ann", "test", "train"]
    assert not any(one.given_split for one in listing.found)
    assert listing.notes == ("taken as identities, though called like splits: test, train",)
    listing = list_images(as_folder(tmp_path / "other", ["train/test/1.png", "train/ann/1.png", "test/train/1.png"]))
    assert {(one.identity, one.given_split) for one in listing.found} == {
        ("test", "train"),
        ("ann", "train"),
        ("train", "test"),
    }


@pytest.mark.parametrize(
    ("paths", "layout", "key_fact"),
    [
        (["train/1.png", "test/2.png"], "identity", "make a folder for each identity in each"),
        (KAGGLE, "group/identity", "set data.layout: identity, which takes them as given splits"),
        (["train/ann/1.png", "test/1.png"], "group/identity", "set data.layout: identity"),
        (["train/1.png", "test1/2.png"], "identity", "make a folder for each identity in each"),
        (["bounding_box_train/1_c1.png", "bounding_box_test/2_c1.png", "query/2_c2.png"], "identity", "a manifest"),
        (["gallery/1.png", "query/2.png"], "identity", "a manifest"),
        (["fold_1/1.png", "fold_2/2.png"], "identity", "a manifest"),
        (["fold_1/ann/1.png", "fold_2/ann/2.png"], "group/identity", "(ann) repeat in them"),
        (["probe/ann/1.png", "gallery/ann/2.png"], "group/identity", "(ann) repeat in them"),
        (["set/train/1.png", "set/val/2.png"], "group/identity", "point at"),
        (["set/train/a/1.png", "set/val/2.png", "set/test/2.png"], "group/identity", "point at"),
        (["genuine/1_1.png", "forged/1_1.png"], "identity", "a manifest"),
        (["eval/1.png", "train/2.png"], "identity", "a manifest"),
        (["imagesTr/1.png", "imagesTs/2.png"], "identity", "make a folder for each identity in each"),
        (["Seen/1.png", "Unseen/2.png"], "identity", "a manifest"),
        (["split-1/1.png", "split-2/1.png"], "identity", "a manifest"),
        (["trainval/ann/1.png", "test/bob/1.png"], "group/identity", "set data.layout: identity"),
        (["support/ann/1.png", "query/ann/1.png"], "group/identity", "(ann) repeat in them"),
        (["val/ann/1.png", "test/bob/1.png"], "group/identity", "given splits are folders for train and for"),
        (["train/ann/1.png", "eval/bob/1.png"], "identity", "eval may be for val or for test: rename it"),
        (["train/ann/1.png", "eval/ann/1.png"], "group/identity", "eval may be for val or for test: rename it"),
        (["train/a/1.png", "test/b/1.png", "Evaluation_Data/a/1.png"], "identity", "Evaluation_Data may be for"),
        (["tr/g/ann/1.png", "te/g/bob/1.png", "evaluation/h/ann/1.png"], "group/identity", "evaluation may be for"),
    ],
)
def test_splits_are_neither_identities_nor_groups(tmp_path, paths, layout, key_fact):
    error = refusal(tmp_path, paths, layout)
    assert error.code == "data-split-folders"
    assert key_fact in error.message


@pytest.mark.parametrize(
    ("paths", "notes"),
    [
        (["cam1/ann/1.png", "cam2/ann/1.png", "cam2/bob/1.png"], ["they have the same name: 1 (ann); put the"]),
        (
            ["Greek/01/a.png", "Latin/01/b.png", "Latin/02/c.png", "Thai/02/d.png"],
            ["the same name: 2 (01, 02); put the"],
        ),
        (["train/g/ann/1.png", "train/h/ann/1.png", "test/g/bob/1.png"], ["train = train", "same name: 1 (ann)"]),
        (["train/g/ann/1.png", "test/g/ann/1.png"], ["train = train; test = test"]),
        (
            ["probe/ann/1.png", "gallery/bob/1.png"],
            ["taken as groups, though called like parts of a data set: gallery,"],
        ),
        (["test/ann/1.png", "thing/bob/1.png"], ["taken as groups, though called like splits: test"]),
        (["Greek/alpha/1.png", "Latin/a/1.png"], []),
    ],
)
def test_names_that_repeat_in_groups_or_are_called_like_parts_are_noted(tmp_path, paths, notes):
    found = list_images(as_folder(tmp_path, paths), "group/identity").notes
    assert [part in note for note, part in zip(found, notes, strict=True)] == [True] * len(notes)


def test_a_few_folders_called_like_splits_among_many_are_identities(tmp_path):
    paths = ["train/ann/1.png", "test/bob/1.png", "train/1.png", *(f"p{number}/1.png" for number in range(4))]
    listing = list_images(as_folder(tmp_path, paths))
    assert {one.identity for one in listing.found} == {"train", "p0", "p1", "p2", "p3"}
    assert not any(one.given_split for one in listing.found)
    paths = ["train/ann/1.png", "eval/bob/1.png", *(f"p{number}/1.png" for number in range(4))]
    assert len(list_images(as_folder(tmp_path / "other", paths)).set_aside) == 2


@pytest.mark.parametrize(
    ("paths", "layout", "key_fact"),
    [
        (["train/ann/1.png", "train/bob/1.png"], "identity", "/data/train"),
        (["test/ann/1.png", "val/bob/1.png"], "identity", "test, val look like splits"),
        (["a/ann/1.png", "b/ann/1.png"], "identity", "(ann) repeat in several of a, b"),
        (["seen/ann/1.png", "unseen/bob/1.png"], "identity", "lie 2 folders deep"),
        (["train/1.png", "bob/1.png"], "group/identity", "train"),
        (["set/train/a/1.png", "set/val/2.png", "set/test/2.png"], "identity", "deep; point at"),
        (["train/images/1.png", "valid/images/2.png"], "identity", "train, valid look like splits"),
        (["a/1.heic", "b/2.dng"], "identity", "2 files are not images (unsupported format HEIC: 1, unsupported format"),
    ],
)
def test_a_layout_that_would_make_wrong_labels_is_not_advised(tmp_path, paths, layout, key_fact):
    error = refusal(tmp_path, paths, layout)
    assert error.code == "data-no-images"
    assert key_fact in error.message
    assert "set data.layout" not in error.message


@pytest.mark.parametrize(
    "paths", [["x/y.png", "train/a/1.png", "train/b/1.png"], ["x/y.png", "a/i/1.png", "b/i/1.png"]]
)
def test_nor_is_it_advised_where_some_images_are_used(tmp_path, paths):
    assert list_images(as_folder(tmp_path, paths)).hint == ""


def test_a_manifest_gives_splits_in_any_spelling_and_by_its_column_alone(tmp_path):
    as_folder(tmp_path, ["train/1.png", "train/2.png", "test/3.png"])
    manifest = tmp_path / "data" / "list.csv"
    manifest.write_text("path,identity,split\ntrain/1.png,ann,Training\ntrain/2.png,bob,VALID\ntest/3.png,cy,Test\n")
    listing = list_images(str(manifest))
    assert [one.given_split for one in listing.found] == ["test", "train", "val"]
    assert listing.notes == ()
    manifest.write_text("path,identity\ntrain/1.png,ann\ntrain/2.png,bob\ntest/3.png,cy\n")
    listing = list_images(str(manifest))
    assert {one.given_split for one in listing.found} == {""}
    assert listing.notes[0].startswith("the folders test and train are not taken as splits")
    manifest.write_text("path,identity,split\ntrain/1.png,ann,evaluation\n")
    with pytest.raises(UserError, match="'evaluation' is unknown; write train, val or test"):
        list_images(str(manifest))
