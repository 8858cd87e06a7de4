"""What is passed over among images, and counted."""

import pytest

from components.storage.folders import LocalFolder, find_images
from components.storage.skips import HIDDEN, OUTPUT, OUTPUT_MARKER, Skips


def tree(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")
    return root


def walked(root, *names):
    skips = Skips(*names)
    return [file.path for file in LocalFolder(str(root)).files(skips)], skips.counts()


@pytest.mark.parametrize(
    "folder",
    [
        *("@eaDir", "@EADIR", "@tmp", "#recycle", "#snapshot", "@Recycle", "@Recently-Snapshot", "~snapshot"),
        *("lost+found", "__MACOSX", "Network Trash Folder", "$RECYCLE.BIN", "$Recycle.Bin"),
        "System Volume Information",
    ],
)
def test_folders_of_systems_are_passed_over_at_any_depth_and_counted_once(tmp_path, folder):
    tree(tmp_path, "a/1.png", f"a/{folder}/1.png/thumb.jpg", f"a/{folder}/2.png", f"{folder}/a/3.png")
    files, counts = walked(tmp_path)
    assert files == ["a/1.png"]
    assert list(counts.values()) == [2]


@pytest.mark.parametrize("name", [".@__thumb", ".AppleDouble", ".ipynb_checkpoints", ".picasaoriginals", "._1.png"])
def test_what_is_hidden_is_passed_over_and_counted(tmp_path, name):
    assert walked(tree(tmp_path, "a/1.png", f"a/{name}/1.png")) == (["a/1.png"], {HIDDEN: 1})


def test_the_names_can_be_configured(tmp_path):
    tree(tmp_path, "a/1.png", "a/@eaDir/2.png", "a/cache/3.png", "a/4.png")
    assert walked(tmp_path, ("Cache", "4.png")) == (["a/1.png", "a/@eaDir/2.png"], {"4.png": 1, "Cache": 1})


@pytest.mark.parametrize(
    "left",
    [
        (OUTPUT_MARKER,),
        ("metadata.sqlite", "artifacts/x/1.png", "runs/r/summary.json"),  # of a release without the marker
        (".history/1.json", ".lock", "1700000000/saved_model.pb", "1700000000/assets/1.png"),  # a serving folder
    ],
)
def test_output_of_this_product_is_passed_over_whatever_it_is_called(tmp_path, left):
    tree(tmp_path, "a/1.png", *(f"b/moved here/{path}" for path in ("data/digits/0/0.png", *left)))
    assert walked(tmp_path) == (["a/1.png"], {OUTPUT: 1})


def test_a_folder_that_is_named_by_the_user_is_read_even_if_it_is_output(tmp_path):
    assert walked(tree(tmp_path, OUTPUT_MARKER, "a/1.png"))[0] == ["a/1.png"]


def test_a_list_of_paths_as_a_walk():
    skips = Skips()
    paths = [
        f"out/{OUTPUT_MARKER}",
        "out/a/1.png",
        "outer/1.png",
        "a/@eaDir/1.png/x.jpg",
        "a/@eaDir/2.png/x.jpg",
        "a/1",
    ]
    assert skips.kept(paths) == ["outer/1.png", "a/1"]
    assert skips.counts() == {"@eaDir": 1, OUTPUT: 1}


def test_embed_and_run_walk_alike(tmp_path):
    elsewhere = tree(tmp_path / "elsewhere", "1.png", "@eaDir/1.png")
    root = tree(tmp_path / "images", f"out/{OUTPUT_MARKER}", "out/a/1.png")
    (root / "b").symlink_to(elsewhere)
    images, others = find_images(LocalFolder(str(root)))
    assert [file.path for file in images] == ["b/1.png"]
    assert not others
