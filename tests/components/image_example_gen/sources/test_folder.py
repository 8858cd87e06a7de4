"""The identity of an image by its folders, and the errors where no image has one."""

import os
from pathlib import Path

import pytest

from components.image_example_gen.sources.folder import FolderSource
from components.image_example_gen.sources.source import Found, Listing
from components.storage.folders import open_folder
from models.errors import UserError


def touch(root: Path, *paths: str) -> str:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")
    return str(root)


def list_images(root: str, layout="identity") -> Listing:
    return FolderSource(open_folder(root), layout).list()


def fingerprint(root: str) -> str:
    return FolderSource(open_folder(root), "identity").fingerprint()


def test_identity_layout_is_sorted_and_skips_hidden_files(tmp_path):
    root = touch(tmp_path, "b/2.png", "b/1.JPG", "a é/日本.png", ".git/x.png", "b/.hidden.png", "b/no_extension")
    (tmp_path / "b" / "no_extension").write_bytes(b"GIF89a")
    listing = list_images(root, "identity")
    assert [found.image_id for found in listing.found] == ["a é/日本.png", "b/1.JPG", "b/2.png", "b/no_extension"]
    assert listing.found[0] == Found("a é/日本.png", "a é", "", bytes=1)
    assert not listing.set_aside
    assert [found.identity_images for found in listing.found] == [1, 3, 3, 3]


def test_group_layout_makes_identities_unique_over_groups(tmp_path):
    listing = list_images(touch(tmp_path, "g/i/1.png", "h/i/1.png"), "group/identity")
    assert listing.found == [Found("g/i/1.png", "g/i", "g", bytes=1), Found("h/i/1.png", "h/i", "h", bytes=1)]


def test_other_files_and_misplaced_images_are_set_aside_with_their_reason(tmp_path):
    root = touch(tmp_path, "a/1.png", "a/Thumbs.db", "top.png", "a/deep/2.png")
    os.mkfifo(tmp_path / "a" / "pipe.png")
    (tmp_path / "a" / "gone.png").symlink_to("nowhere.png")
    assert {entry.image_id: entry.reason for entry in list_images(root, "identity").set_aside} == {
        "a/Thumbs.db": "not an image file: .db",
        "a/pipe.png": "not a regular file",
        "a/gone.png": "broken link",
        "top.png": "misplaced: too shallow for <identity>/<image>",
        "a/deep/2.png": "misplaced: too deep for <identity>/<image>",
    }


def test_a_name_that_is_not_utf8_is_set_aside(tmp_path):
    root = touch(tmp_path, "a/1.png")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/a/\xff.png")).write_bytes(b"x")
    (entry,) = list_images(root, "identity").set_aside
    assert entry[1:] == ("its name is not UTF-8", 1, "a")
    entry.image_id.encode("utf-8")


@pytest.mark.parametrize(
    ("paths", "layout", "key_fact"),
    [
        (["g/i/1.png"], "identity", "set data.layout: group/identity"),
        (["i/1.png"], "group/identity", "set data.layout: identity"),
        (["1.png", "2.png"], "identity", "2 images lie in no identity's folder"),
        (["a/b/c/d/1.png"], "identity", "4 folders deep"),
        (["a/readme.txt"], "identity", "its 1 files are not images"),
        ([], "identity", "it is empty"),
    ],
)
def test_no_image_is_one_line_with_the_remedy(tmp_path, paths, layout, key_fact):
    with pytest.raises(UserError) as caught:
        list_images(touch(tmp_path, *paths), layout)
    assert caught.value.code == "data-no-images"
    assert key_fact in caught.value.message
    assert "\n" not in caught.value.message


def test_no_folder(tmp_path):
    for use in (fingerprint, lambda root: list_images(root, "identity")):
        for missing in (str(tmp_path / "gone"), touch(tmp_path, "file") + "/file"):
            with pytest.raises(UserError, match=missing) as caught:
                use(missing)
            assert caught.value.code == "data-folder-missing"


def test_the_other_layout_is_named_where_most_images_lie_at_its_depth(tmp_path):
    listing = list_images(touch(tmp_path, "g/i/1.png", "g/i/2.png", "g/3.png"), "identity")
    assert listing.hint == "; data.layout: group/identity would fit 2 images"
    listing = list_images(touch(tmp_path, "g/4.png", "g/5.png"), "identity")
    assert listing.hint == ""


def test_an_identity_that_may_lose_its_images_is_known(tmp_path):
    root = touch(tmp_path, "a/1.png", "b/1.heic", "b/deep/2.png", "c/notes.txt", "3.png")
    (tmp_path / "d").symlink_to("not mounted")
    assert {entry.image_id: entry.identity for entry in list_images(root).set_aside} == {
        "b/1.heic": "b",
        "b/deep/2.png": "b",
        "c/notes.txt": "",
        "3.png": "",
        "d": "d",
    }


def test_fingerprint_changes_with_any_file(tmp_path):
    root = touch(tmp_path, "a/1.png", "a/2.png")
    seen = {fingerprint(root)}
    os.utime(tmp_path / "a/1.png", ns=(1, 1))  # the content decides
    assert fingerprint(root) in seen
    (tmp_path / "a/1.png").rename(tmp_path / "a/3.png")
    seen.add(fingerprint(root))
    (tmp_path / "a/2.png").write_bytes(b"longer")
    seen.add(fingerprint(root))
    (tmp_path / "a/2.png").write_bytes(b"equals")
    seen.add(fingerprint(root))
    (tmp_path / "a/2.png").unlink()
    seen.add(fingerprint(root))
    assert len(seen) == 5
