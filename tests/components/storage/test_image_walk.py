"""The policy on links, hidden files and system folders, and on what an image is."""

import os
from pathlib import Path

import pytest

from components.storage.folders import LocalFolder, find_images
from components.storage.image_walk import File, is_skipped, why_not_an_image

GIF = b"GIF89a" + bytes(26)
BMP = b"BM" + bytes(12) + (40).to_bytes(4, "little") + bytes(14)


def write(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")


def paths_of(root: Path) -> list[str]:
    return [file.path for file in LocalFolder(str(root)).files()]


def test_links_are_followed_but_not_in_circles(tmp_path):
    write(tmp_path / "data", "a/1.png")
    (tmp_path / "data" / "a" / "loop").symlink_to("..")
    write(tmp_path / "elsewhere", "2.png")
    (tmp_path / "data" / "b").symlink_to("../elsewhere")
    files = {file.path: file for file in LocalFolder(str(tmp_path / "data")).files()}
    assert list(files) == ["a/1.png", "b/2.png"]
    assert [file.linked for file in files.values()] == [False, True]
    assert LocalFolder(str(tmp_path / "data")).leads_out(files["b/2.png"])


def test_hidden_and_system_folders_are_skipped(tmp_path):
    write(tmp_path, "a/1.png", "a/.2.png", ".git/3.png", "a/@eaDir/1.png/SYNOPHOTO_THUMB_M.jpg", "__MACOSX/a/1.png")
    assert paths_of(tmp_path) == ["a/1.png"]
    assert LocalFolder(str(tmp_path)).names() == ["a"]
    assert is_skipped("a/@eaDir/b") and is_skipped("a/.b") and not is_skipped("a/b.c/d@e")


@pytest.mark.parametrize(
    ("path", "content", "reason"),
    [
        ("a/1.JPG", b"any", ""),
        ("a/subject01.glasses", GIF, ""),
        ("a/p.jpeg.1", b"\xff\xd8\xff", ""),
        ("a/scan", BMP, ""),
        ("a/drawing", b"P5\n2 2 255\n", ""),
        ("a/notes.txt", b"P5 is the plan", ""),
        ("a/notes.txt", b"P5: the plan", "not an image file: .txt"),
        ("a/notes.txt", b"BMW and others, a text of some length", "not an image file: .txt"),
        ("a/README", b"text", "not an image file: by its content"),
        ("a/b.d/none", b"", "not an image file: by its content"),
    ],
)
def test_the_ending_or_the_content_makes_an_image(path, content, reason):
    assert why_not_an_image(File(path, len(content)), lambda: content) == reason


def test_images_and_other_files_of_a_folder(tmp_path):
    write(tmp_path, "a/1.png", "a/notes.txt", "b/face.happy")
    (tmp_path / "b/face.happy").write_bytes(GIF)
    os.mkfifo(tmp_path / "a" / "pipe.png")
    (tmp_path / "a" / "gone.png").symlink_to("nowhere.png")
    images, others = find_images(LocalFolder(str(tmp_path)))
    assert [file.path for file in images] == ["a/1.png", "b/face.happy"]
    assert {file.path: reason for file, reason in others} == {
        "a/gone.png": "not an image file: not a regular file",
        "a/notes.txt": "not an image file: .txt",
        "a/pipe.png": "not an image file: not a regular file",
    }
