"""The policy on links, hidden files and system folders, and on what an image is."""

import os
from pathlib import Path

import pytest

from components.storage.folders import LocalFolder, find_images
from components.storage.image_walk import File, is_skipped, why_not_an_image
from components.storage.skips import LINKS, Skips

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


def walked(root: Path) -> tuple[list[str], int]:
    skips = Skips()
    return [file.path for file in LocalFolder(str(root)).files(skips)], skips.counts().get(LINKS, 0)


def test_the_walk_is_as_long_as_what_each_link_leads_to(tmp_path):
    names = "abcdefghij"
    write(tmp_path, *(f"{name}/1.png" for name in names))
    for name in names:
        for other in names.replace(name, ""):
            (tmp_path / name / f"to {other}").symlink_to(f"../{other}")
    paths, not_followed = walked(tmp_path)
    assert len(paths) == 10 + 10 * 9
    assert paths[:3] == ["a/1.png", "a/to b/1.png", "a/to c/1.png"]
    assert not_followed == 90 * 9  # each in the folder that it leads to


@pytest.mark.parametrize("below", ["", "data"])
def test_a_chain_that_doubles_at_each_step_ends(tmp_path, below):
    root = tmp_path / below
    write(root, *(f"{step:02}/1.png" for step in range(30)))
    for step in range(29):
        for name in ("x", "y"):
            (root / f"{step:02}" / name).symlink_to(root / f"{step + 1:02}")
    if below:  # the chain lies elsewhere, and only its beginning is linked
        root = tmp_path / "linked"
        root.mkdir()
        (root / "a").symlink_to(tmp_path / "data/00")
    paths, not_followed = walked(root)
    assert len(paths) == (1 + 2 * 29 if below else 30 + 2 * 29)
    assert not_followed == (2 * 28 if below else 4 * 28)


def test_a_link_that_the_system_does_not_follow_is_broken(tmp_path):
    write(tmp_path, *(f"chain/{step:02}/1.png" for step in range(60)))
    for step in range(59):
        (tmp_path / f"chain/{step:02}/x").symlink_to(f"../{step + 1:02}")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a").symlink_to("../chain/00")
    (tmp_path / "data/itself").symlink_to("itself")
    images, others = find_images(LocalFolder(str(tmp_path / "data")))
    assert 30 < len(images) < 60
    assert {reason for _, reason in others} == {"broken link"}
    assert len(others) == 2


def test_two_links_to_one_folder_and_links_behind_links_are_followed(tmp_path):
    write(tmp_path / "pool", "p/1.png", "q/2.png")
    (tmp_path / "pool/train").mkdir()
    for name in ("ann", "ben"):
        (tmp_path / "pool/train" / name).symlink_to("../p")
    (tmp_path / "pool/p/more").symlink_to("../q")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/train").symlink_to("../pool/train")
    paths, not_followed = walked(tmp_path / "data")
    assert paths == ["train/ann/1.png", "train/ann/more/2.png", "train/ben/1.png"]
    assert not_followed == 1


def test_a_link_in_the_folder_is_followed_there_and_not_behind_another(tmp_path):
    write(tmp_path, "elsewhere/1.png", "data/z/2.png")
    (tmp_path / "data/z/more").symlink_to("../../elsewhere")
    (tmp_path / "data/a").symlink_to("z")
    assert walked(tmp_path / "data") == (["a/2.png", "z/2.png", "z/more/1.png"], 1)


@pytest.mark.parametrize("target", ["/", "..", "../..", "."])
def test_a_link_to_a_folder_that_it_lies_in_is_not_followed(tmp_path, target):
    write(tmp_path, "data/a/1.png", "other/2.png")
    (tmp_path / "data/a/z:").symlink_to(target)
    assert walked(tmp_path / "data") == (["a/1.png"], 1)


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
        ("a/b.d/none", b"", "empty file"),
        ("a/__init__.py", b"", "not an image file: .py"),
        ("a/1.heic", b"\0\0\0\x18ftypmif1" + bytes(8), ""),
        ("a/photo", b"\0\0\0\x1cftypcrx " + bytes(8), "unsupported format RAW"),
        ("a/live.mov", b"\0\0\0\x14ftypqt  ", "not an image file: .mov"),
        ("a/live.bin", b"\0\0\0\x14ftypisom", "not an image file: .bin"),
        ("a/photo.NEF", b"\1\2\3", "unsupported format RAW"),
        ("a/photo.heic", b"\xff\xd8\xff\xe0", ""),
        ("a/scan.txt", b"%PDF-1.7", "unsupported format PDF"),
        ("a/logo", b"<svg xmlns=", "unsupported format SVG"),
        ("a/icon.ico", b"x", "unsupported format ICO"),
        ("a/1.jpg.gz", b"\x1f\x8b\x08\x08", "unknown format .gz"),
        ("a/1.enc", bytes(range(200, 232)), "unknown format .enc"),
        ("a/1", bytes(32), "unknown format"),
        ("a/1.pts", b"version: 1\nn_points: 68\n{\n", "not an image file: .pts"),
        ("a/liesmich", "Maße für Ä".encode("latin-1"), "not an image file: by its content"),
        ("a/日本", "日本語のテキスト、".encode()[:-1], "not an image file: by its content"),
        ("a/Thumbs.db", b"\xd0\xcf\x11\xe0" + bytes(28), "not an image file: .db"),
        ("a/1.jpg.xmp", b"\0\1", "not an image file: .xmp"),
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
        "a/gone.png": "broken link",
        "a/notes.txt": "not an image file: .txt",
        "a/pipe.png": "not a regular file",
    }


def test_what_cannot_be_read_counts_unless_its_name_says_that_it_is_no_image():
    def denied() -> bytes:
        raise PermissionError

    assert why_not_an_image(File("a/scan", 5), denied) == "cannot be read: PermissionError"
    assert why_not_an_image(File("a/notes.txt", 5), denied) == "not an image file: cannot be read: PermissionError"
    assert why_not_an_image(File("a/scan", 5), lambda: b"") == "cannot be read: its beginning is damaged"
    assert why_not_an_image(File("a/gone.txt", 0, regular=False, linked=True), denied).startswith("not an image file: ")
    assert why_not_an_image(File("a/\udcff.png", 5), denied) == "its name is not UTF-8"
    assert why_not_an_image(File("a/\udcff.json", 5), denied) == "not an image file: its name is not UTF-8"
