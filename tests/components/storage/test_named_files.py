"""Files that a list names: found as they are written or spelt, and nothing else is looked at."""

import os
import unicodedata

import pytest

from components.storage.folders import LocalFolder
from components.storage.image_walk import local_file
from components.storage.named_files import NamedFiles


def write(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")


def paths_of(root, *paths):
    return [file.path for file in NamedFiles(str(root)).find(paths)]


def test_files_are_those_of_the_walk(tmp_path):
    write(tmp_path / "data", "a/1.png", "b.png")
    write(tmp_path / "elsewhere", "2.png")
    (tmp_path / "data/c").symlink_to("../elsewhere")
    (tmp_path / "data/d.png").symlink_to("b.png")
    (tmp_path / "data/gone.png").symlink_to("nowhere")
    os.mkfifo(tmp_path / "data/pipe")
    folder = LocalFolder(str(tmp_path / "data"))
    walked = folder.files()
    assert [file.linked for file in walked] == [False, False, True, True, True, False]
    assert folder.named([file.path for file in reversed(walked)]) == walked


@pytest.mark.parametrize("path", ["none.png", "a", "a/1.png/x", "x" * 300, "loop/1.png", "c/1.png", "broken/1.png"])
def test_what_is_no_file_is_not_found(tmp_path, path):
    write(tmp_path, "a/1.png")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "broken").symlink_to("nowhere")
    assert paths_of(tmp_path, path, "a/1.png") == ["a/1.png"]


def test_a_path_in_another_normal_form_is_found_at_every_depth(tmp_path):
    composed = "Zoë/José/ｶﾞ é.png"
    other = unicodedata.normalize("NFD", composed)
    mixed = unicodedata.normalize("NFD", "Zoë") + "/José/ｶﾞ é.png"
    for number, name in enumerate((composed, other, mixed)):
        write(tmp_path / str(number), name)
        for asked in (composed, other, mixed):
            assert paths_of(tmp_path / str(number), asked) == [name]
    write(tmp_path / "0", other)
    assert paths_of(tmp_path / "0", mixed) == sorted((composed, other))


def test_a_folder_is_listed_once_and_only_for_what_is_not_found(tmp_path, monkeypatch):
    write(tmp_path, "a/1.png", "a/2.png")
    listed, listdir = [], os.listdir
    monkeypatch.setattr("os.listdir", lambda path: listed.append(path) or listdir(path))
    assert paths_of(tmp_path, "a/1.png", "a/2.png") == ["a/1.png", "a/2.png"]
    assert listed == []
    assert paths_of(tmp_path, *(f"a/{number}.jpg" for number in range(9))) == []
    assert listed == [f"{tmp_path}/", f"{tmp_path}/a"]


def test_a_file_is_described_as_the_walk_does(tmp_path):
    write(tmp_path, "a.png")
    assert NamedFiles(str(tmp_path)).find(["a.png"]) == [local_file("a.png", (tmp_path / "a.png").stat(), False)]
