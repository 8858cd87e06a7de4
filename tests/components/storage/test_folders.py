"""Images in a store that Beam reads: here one whose scheme stands for a folder, through Beam's own file system."""

import hashlib
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
from apache_beam.io.localfilesystem import LocalFileSystem

from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.sources.address import open_source
from components.storage.digests import Digests
from components.storage.folders import open_folder
from models.data.image_formats import UnreadableImage
from models.errors import UserError

SHELF = "shelf://bucket"


class ShelfFileSystem(LocalFileSystem):
    """``shelf://bucket/...`` lies under a folder."""

    root, has_checksums, asked = "", True, []

    @classmethod
    def scheme(cls):
        return "shelf"

    def _path(self, path: str) -> str:
        return path.replace(SHELF, self.root)

    def match(self, patterns, limits=None):
        results = super().match([self._path(pattern) for pattern in patterns], limits)
        for result in results:
            for one in result.metadata_list:
                one.path = one.path.replace(self.root, SHELF)
        return results

    def checksum(self, path):
        ShelfFileSystem.asked.append(path)
        if not ShelfFileSystem.has_checksums:
            return super().checksum(self._path(path))
        return hashlib.md5(Path(self._path(path)).read_bytes()).hexdigest()

    def open(self, path, *arguments, **named):
        return super().open(self._path(path), *arguments, **named)


@pytest.fixture(name="shelf")
def _shelf(tmp_path) -> Path:
    ShelfFileSystem.root = str(tmp_path)
    for path in ("photos/ann/1.png", "photos/bob ö/2 b.png", "photos/.hidden/3.png", "photos/ann/notes.txt"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(path.encode())
    (tmp_path / "photos/list.csv").write_text("path,identity\nann/1.png,a\nbob ö/2 b.png,b\ngone.png,b\n", "utf-8")
    return tmp_path


def test_folders_of_splits(shelf):
    for path in ("kaggle/train/ann/1.png", "kaggle/test/bob/2.png"):
        (shelf / path).parent.mkdir(parents=True)
        (shelf / path).write_bytes(b"x")
    listing = open_source(f"{SHELF}/kaggle", IngestSettings()).source.list()
    assert [(one.identity, one.given_split, one.divided) for one in listing.found] == [
        ("bob", "test", ""),
        ("ann", "train", "val"),
    ]


def test_a_folder(shelf):
    source = open_source(f"{SHELF}/photos/", IngestSettings()).source
    listing = source.list()
    assert [(one.image_id, one.identity) for one in listing.found] == [
        ("ann/1.png", "ann"),
        ("bob ö/2 b.png", "bob ö"),
    ]
    assert [entry.image_id for entry in listing.set_aside if entry.image_id == "ann/notes.txt"]
    with source.reader() as reader:
        assert reader.read(listing.found[1], 100).decode() == "photos/bob ö/2 b.png"
        with pytest.raises(UnreadableImage, match="too many bytes"):
            reader.read(listing.found[1], 10)
        with pytest.raises(UnreadableImage, match="too many bytes"):
            reader.read(listing.found[1]._replace(bytes=1), 10)


def test_a_manifest(shelf):
    source = open_source(f"{SHELF}/photos/list.csv", IngestSettings()).source
    listing = source.list()
    assert [(one.image_id, one.identity) for one in listing.found] == [("ann/1.png", "a"), ("bob ö/2 b.png", "b")]
    assert [entry.image_id for entry in listing.set_aside] == ["gone.png"]
    first = source.fingerprint()
    (shelf / "photos/ann/1.png").write_bytes(b"other")
    assert source.fingerprint() != first


@pytest.mark.parametrize("has_checksums", [True, False])
def test_the_stores_checksum_decides_and_is_asked_for_once(shelf, monkeypatch, tmp_path, has_checksums):
    monkeypatch.setattr(ShelfFileSystem, "has_checksums", has_checksums)
    monkeypatch.setattr(ShelfFileSystem, "asked", [])
    file = shelf / "photos/ann/1.png"

    def fingerprint() -> str:
        digests = Digests(tmp_path / "digests.json")
        found = open_source(f"{SHELF}/photos", IngestSettings()).source.fingerprint(digests)
        digests.write()
        return found

    for path in shelf.rglob("*.*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    first = fingerprint()
    assert len(ShelfFileSystem.asked) == 4
    assert fingerprint() == first
    assert len(ShelfFileSystem.asked) == 4
    os.utime(file, (1_000_000_001, 1_000_000_001))  # written again
    assert (fingerprint() == first) is has_checksums
    file.write_bytes(file.read_bytes()[::-1])
    assert fingerprint() != first
    assert f"{SHELF}/photos/ann/1.png" in ShelfFileSystem.asked


def test_increments(shelf):
    (shelf / "photos").rename(shelf / "day-03")
    opened = open_source(f"{SHELF}/day-{{SPAN}}", IngestSettings())
    assert [one.image_id for one in opened.source.list().found] == ["03/ann/1.png", "03/bob ö/2 b.png"]


def test_a_missing_folder_is_the_users_error(shelf):
    with pytest.raises(UserError, match="shelf://bucket/none") as caught:
        open_source(f"{SHELF}/none", IngestSettings()).source.list()
    assert caught.value.code == "data-folder-missing"
    with pytest.raises(UserError, match="nowhere://x") as caught:
        open_source("nowhere://x", IngestSettings()).source.list()
    assert caught.value.code == "data-unreadable"


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tgz"])
def test_an_archive(shelf, suffix):
    path = shelf / f"my photos{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(shelf / "photos/bob ö/2 b.png", "photos/bob ö/2 b.png")
    else:
        with tarfile.open(path, "w:gz" if suffix == ".tgz" else "w") as archive:
            archive.add(shelf / "photos/bob ö", "photos/bob ö")
    source = open_source(f"{SHELF}/my photos{suffix}", IngestSettings()).source
    listing = source.list()
    assert [one.image_id for one in listing.found] == ["bob ö/2 b.png"]
    with source.reader() as reader:
        assert reader.read(listing.found[0], 100).decode() == "photos/bob ö/2 b.png"
    assert source.fingerprint() == open_source(f"{SHELF}/my photos{suffix}", IngestSettings()).source.fingerprint()
    path.unlink()
    with pytest.raises(UserError, match=rf"shelf://bucket/my photos{suffix}") as caught:
        source.fingerprint()
    assert caught.value.code == "data-unreadable"


def test_a_folder_whose_name_is_a_pattern_is_listed_alone(shelf):
    for path in ("q?r/a/1[x].png", "qar/b/2.png", "[1]/c/3.png", "1/d/4.png"):
        (shelf / path).parent.mkdir(parents=True, exist_ok=True)
        (shelf / path).write_bytes(path.encode())
    for name, expected in (("q?r", "a/1[x].png"), ("[1]", "c/3.png")):
        source = open_source(f"{SHELF}/{name}", IngestSettings()).source
        assert [one.image_id for one in source.list().found] == [expected]
    assert open_folder(f"{SHELF}/q?r").file("a/1[x].png").bytes == len("q?r/a/1[x].png")


def test_the_root_of_all_files_is_not_walked():
    with pytest.raises(UserError, match="root of all files"):
        open_folder("//").files()
