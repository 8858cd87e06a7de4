"""The content of files decides, and unchanged ones are not read again."""

import os
import shutil

import pytest

from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.sources.address import open_source
from components.storage import digests as digests_module
from components.storage.digests import Digests
from components.storage.folders import LocalFolder

TIME = (1_000_000_000, 1_000_000_000)


@pytest.fixture
def images(tmp_path):
    for identity in "ab":
        for number in "12":
            file = tmp_path / "images" / identity / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(f"{identity}{number}".encode())
            os.utime(file, TIME)
    return tmp_path / "images"


@pytest.fixture
def reads(monkeypatch):
    """The paths of all files whose content is read, and no wait until a file counts as settled."""
    monkeypatch.setattr(digests_module, "_SETTLED", -(10**9))
    read = []
    digest = LocalFolder.digest
    monkeypatch.setattr(
        LocalFolder, "digest", lambda self, file, *more: read.append(file.path) or digest(self, file, *more)
    )
    return read


def fingerprint(address, store=None, **settings):
    digests = Digests(store)
    found = open_source(str(address), IngestSettings(**settings)).fingerprint(digests)
    digests.write()
    return found


def swap(a, b):
    """Exchanges two files; each keeps its size and time."""
    a.rename(a.with_suffix(".x"))
    b.rename(a)
    a.with_suffix(".x").rename(b)


def test_unchanged_files_are_read_once(images, tmp_path, reads):
    first = fingerprint(images, tmp_path / "store")
    assert len(reads) == 4
    assert fingerprint(images, tmp_path / "store") == first
    assert len(reads) == 4


def test_files_swapped_with_size_and_time_are_read_again(images, tmp_path, reads):
    first = fingerprint(images, tmp_path / "store")
    swap(images / "a/1.png", images / "b/1.png")
    assert fingerprint(images, tmp_path / "store") != first
    swap(images / "a/1.png", images / "b/1.png")
    assert fingerprint(images, tmp_path / "store") == first


def test_a_file_written_in_place_with_its_time_set_back_is_read_again(images, tmp_path, reads):
    first = fingerprint(images, tmp_path / "store")
    (images / "a/1.png").write_bytes(b"xx")
    os.utime(images / "a/1.png", TIME)
    assert fingerprint(images, tmp_path / "store") != first


def test_copies_of_the_same_files_are_the_same_images(images, tmp_path):
    first = fingerprint(images)
    shutil.copytree(images, tmp_path / "copy")
    assert fingerprint(tmp_path / "copy") == first


def test_a_link_to_another_file_is_read_again(images, tmp_path, reads):
    (tmp_path / "elsewhere").mkdir()
    link = images / "a/3.png"
    for name in "pq":
        (tmp_path / "elsewhere" / name).write_bytes(name.encode())
        os.utime(tmp_path / "elsewhere" / name, TIME)
    link.symlink_to(tmp_path / "elsewhere/p")
    first = fingerprint(images, tmp_path / "store")
    link.unlink()
    link.symlink_to(tmp_path / "elsewhere/q")
    assert fingerprint(images, tmp_path / "store") != first


def test_a_manifest_and_an_archive_likewise(images, tmp_path, reads):
    rows = "".join(f"images/{name}/1.png,{name}\n" for name in "ab")
    (tmp_path / "list.csv").write_text(f"path,identity\n{rows}")
    shutil.make_archive(str(tmp_path / "one"), "tar", images)
    swap(images / "a/1.png", images / "b/1.png")
    shutil.make_archive(str(tmp_path / "two"), "tar", images)
    for archive in ("one.tar", "two.tar"):
        os.utime(tmp_path / archive, TIME)
    for address, pair in (("list.csv", ("images/a/1.png", "images/b/1.png")), ("one.tar", ("one.tar", "two.tar"))):
        first = fingerprint(tmp_path / address, tmp_path / "store")
        swap(*(tmp_path / one for one in pair))
        assert fingerprint(tmp_path / address, tmp_path / "store") != first


def test_a_file_that_has_just_been_written_is_not_vouched_for(images, tmp_path):
    fingerprint(images, tmp_path / "store")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("damage", [b"", b"\xff", b"[1]", b'{"a": 1}', b'{"a": ["x"', b"[" * 100_000])
def test_a_damaged_store_counts_as_none(images, tmp_path, damage):
    (tmp_path / "store").write_bytes(damage)
    assert fingerprint(images, tmp_path / "store") == fingerprint(images)


def test_a_pipe_is_not_opened_and_of_a_long_file_only_the_beginning(images, reads):
    os.mkfifo(images / "a/pipe.png")
    (images / "a/long.bin").write_bytes(bytes(5000))
    first = fingerprint(images, max_bytes=1024)
    assert "a/pipe.png" not in reads
    with (images / "a/long.bin").open("r+b") as file:
        file.seek(4000)
        file.write(b"x")
    assert fingerprint(images, max_bytes=1024) == first


def test_the_digest_of_a_beginning_is_not_that_of_the_whole(images, tmp_path, reads):
    long = images / "a/1.png"
    long.write_bytes(b"b" * 3000)
    os.utime(long, TIME)
    folder, store = LocalFolder(str(images)), tmp_path / "store"
    files = [folder.file("a/1.png"), folder.file("a/2.png")]
    whole = Digests().of(folder, files)
    for longest in (1024, None, 2999, 3000):
        digests = Digests(store)
        cut = longest is not None and longest < 3000
        assert [one == two for one, two in zip(digests.of(folder, files, longest), whole, strict=True)] == [
            not cut,
            True,
        ]
        digests.write()
