import os

import pytest

from components.storage.artifact_checksums import checksums_file, damage, write_checksums


@pytest.fixture
def artifact(tmp_path):
    folder = tmp_path / "ImageExampleGen" / "examples" / "7"
    for name, content in {"Split-train/a": b"abc" * 1000, "Split-train/b": b"", "graph": b"\0" * 5}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    write_checksums(folder)
    return folder


def flip(path):
    """One bit, with size and times as before."""
    content, times = bytearray(path.read_bytes()), path.stat()
    content[len(content) // 2] ^= 1
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def swap(path):
    path.unlink()
    path.symlink_to("a")


DAMAGES = {
    "flipped": (lambda folder: flip(folder / "Split-train" / "a"), "Split-train/a: has changed"),
    "flipped in the last byte": (lambda folder: flip(folder / "graph"), "graph: has changed"),
    "truncated": (lambda folder: os.truncate(folder / "Split-train" / "a", 10), "a: has 10 bytes, had 3000"),
    "emptied": (lambda folder: os.truncate(folder / "graph", 0), "graph: has 0 bytes, had 5"),
    "removed": (lambda folder: (folder / "Split-train" / "b").unlink(), "Split-train/b: is missing"),
    "replaced": (lambda folder: (folder / "graph").write_bytes(b"other"), "graph: has changed"),
    "replaced by a link": (lambda folder: swap(folder / "Split-train" / "b"), "Split-train/b: has 3000 bytes, had 0"),
    "added": (lambda folder: (folder / "Split-train" / "c").write_bytes(b"abc"), "Split-train/c: was added"),
    "checksums": (lambda folder: checksums_file(folder).write_text('{"graph": 1}'), "json: is damaged"),
    "checksums flipped": (lambda folder: flip(checksums_file(folder)), ""),
    "no checksums": (lambda folder: checksums_file(folder).unlink(), "json: is missing"),
}


@pytest.mark.parametrize(("spoil", "what"), DAMAGES.values(), ids=DAMAGES)
def test_whatever_happens_to_a_file_of_an_artifact_is_named(artifact, spoil, what):
    assert damage(artifact) is None
    spoil(artifact)
    assert what in damage(artifact)


def test_the_folder_alone_is_missing(artifact):
    artifact.rename(artifact.with_name("8"))
    assert "is missing" in damage(artifact)


def test_what_a_file_manager_leaves_is_no_damage(artifact):
    (artifact / ".DS_Store").write_bytes(b"x")
    assert damage(artifact) is None


def test_a_listing_of_an_artifact_or_of_its_versions_holds_no_checksums(artifact):
    assert sorted(path.name for path in artifact.iterdir()) == ["Split-train", "graph"]
    assert [path.name for path in artifact.parent.iterdir()] == ["7"]
