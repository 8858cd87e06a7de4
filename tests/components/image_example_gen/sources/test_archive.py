"""Archives: the same images as in their folder, and the attacks of hostile ones refused."""

import io
import pickle
import stat
import struct
import tarfile
import tempfile
import threading
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.sources import archive_entries, tar_archive
from components.image_example_gen.sources.address import open_source
from components.image_example_gen.sources.archive import SUFFIXES, ArchiveSource
from components.image_example_gen.sources.source import Found, Listing, Source
from models.data.image_formats import UnreadableImage
from models.errors import UserError

FILES = {
    "ann ö/1 é.png": b"one" * 100,
    "ann ö/2.png": b"",
    "日本/3.jpg": bytes(range(256)) * 300,
    "日本/Thumbs.db": b"x",
    "top.png": b"x",
    ".hidden/1.png": b"x",
    "ann ö/.DS_Store": b"x",
    "__MACOSX/ann ö/1.png": b"x",
}
IMAGES = ["ann ö/1 é.png", "ann ö/2.png", "日本/3.jpg"]
ZIPPED = {"stored": zipfile.ZIP_STORED, "deflated": zipfile.ZIP_DEFLATED, "bzip2": zipfile.ZIP_BZIP2}


def write_zip(path: Path, files: dict, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def write_tar(path: Path, files: dict) -> Path:
    ending = path.suffix.removeprefix(".")
    kind = {"tgz": "gz", "tbz2": "bz2", "txz": "xz", "tar": ""}.get(ending, ending)
    with tarfile.open(path, f"w:{kind}") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            if isinstance(data, bytes):
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
            else:
                member.type, member.linkname = data
                archive.addfile(member)
    return path


def write(path: Path, files: dict) -> Path:
    return write_zip(path, files) if path.suffix == ".zip" else write_tar(path, files)


def source_of(path: Path, **changes) -> Source:
    return open_source(str(path), IngestSettings(**changes)).source


def listing_of(path: Path, **changes) -> Listing:
    return source_of(path, **changes).list()


def reasons(path: Path) -> dict[str, str]:
    return {entry.image_id: entry.reason for entry in listing_of(path).set_aside}


def message_of(path: Path, code: str) -> str:
    with pytest.raises(UserError) as caught:
        listing_of(path)
    assert caught.value.code == code
    message = caught.value.message
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def read_all(source: Source, found: list[Found]) -> dict[str, bytes]:
    with source.reader() as reader:
        return {one.image_id: reader.read(one, 10**6) for one in found}


def check_images(source: Source) -> None:
    listing = source.list()
    assert [one.image_id for one in listing.found] == IMAGES
    assert [(one.identity, one.bytes) for one in listing.found] == [("ann ö", 300), ("ann ö", 0), ("日本", 76800)]
    assert [(entry.image_id, entry.bytes) for entry in listing.set_aside] == [("top.png", 1), ("日本/Thumbs.db", 1)]
    assert read_all(source, listing.found[::-1]) == {name: FILES[name] for name in IMAGES}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_archive_holds_the_images_of_its_folder(tmp_path, suffix):
    check_images(source_of(write(tmp_path / f"bïlder 1{suffix}", FILES)))


@pytest.mark.parametrize("method", ZIPPED.values(), ids=ZIPPED)
def test_a_zip_of_each_method(tmp_path, method):
    check_images(source_of(write_zip(tmp_path / "a.ZIP", FILES, method)))


def test_the_content_decides_the_format(tmp_path):
    write_tar(tmp_path / "a.tar.gz", FILES).rename(tmp_path / "a.zip")
    check_images(source_of(tmp_path / "a.zip"))


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
def test_a_worker_lists_it_itself(tmp_path, suffix):
    source = source_of(write(tmp_path / f"a{suffix}", FILES))
    found = source.list().found
    copy = pickle.loads(pickle.dumps(source))  # noqa: S301 - our own
    del source
    assert read_all(copy, found) == {name: FILES[name] for name in IMAGES}


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.xz"])
def test_many_threads_read_at_once(tmp_path, suffix):
    files = {f"id {number % 7}/{number}.png": b"%d" % number * 2000 for number in range(200)}
    source = source_of(write(tmp_path / f"a{suffix}", files))
    found, seen = source.list().found, []
    threads = [threading.Thread(target=lambda: seen.append(read_all(source, found))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [files] * 4


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
@pytest.mark.parametrize("top", ["photos 2024/", "./", "./a/b/"])
def test_one_folder_around_everything_is_stepped_over(tmp_path, suffix, top):
    path = write(tmp_path / f"a{suffix}", {f"{top}{name}": data for name, data in FILES.items() if name in IMAGES})
    assert [one.image_id for one in listing_of(path).found] == IMAGES
    assert list(read_all(source_of(path), listing_of(path).found).values()) == [FILES[name] for name in IMAGES]


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
def test_images_are_known_by_their_content_too(tmp_path, suffix):
    files = {
        "yale/ann/01.happy": b"GIF89a" + b"1" * 9000,
        "yale/ann/notes": b"text",
        "yale/bob/1.sad": b"GIF87a",
    }
    listing = listing_of(write(tmp_path / f"a{suffix}", files))
    assert [one.image_id for one in listing.found] == ["ann/01.happy", "bob/1.sad"]
    assert [entry.image_id for entry in listing.set_aside] == ["ann/notes"]


def test_a_folder_that_is_a_group_is_not_stepped_over(tmp_path):
    path = write_zip(tmp_path / "a.zip", {f"g/{name}": FILES[name] for name in IMAGES})
    assert {one.group for one in listing_of(path, layout="group/identity").found} == {"g"}
    path = write_zip(tmp_path / "b.zip", {"a/b/c/1.png": b"", "a/2.png": b""})
    assert reasons(path) == {"a/b/c/1.png": "misplaced: too deep for <identity>/<image>"}


def test_names_in_utf8_without_the_flag(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"ann/1.png": b"1", "x\u00f6x/2.png": b"2"})
    data = path.read_bytes()
    flagged = struct.pack("<H", 0x800)
    assert data.count(b"\x14\x00" + flagged) == 2  # its header and its entry of the directory
    path.write_bytes(data.replace(b"\x14\x00" + flagged, b"\x14\x00\0\0"))
    assert [one.identity for one in listing_of(path).found] == ["ann", "xöx"]
    path.write_bytes(path.read_bytes().replace("xöx".encode(), b"x\x94\x94x"))
    assert [one.identity for one in listing_of(path).found] == ["ann", "xööx"]


ESCAPES = {
    "../1.png": "leaves the archive",
    "a/../../etc/1.png": "leaves the archive",
    "/etc/1.png": "is absolute",
    "C:/1.png": "is absolute",
    "a\\..\\..\\1.png": "has a backslash",
    "../folder/": "leaves the archive",
    ".hidden/../../1.png": "leaves the archive",
}


@pytest.mark.parametrize("name", ESCAPES)
@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tgz"])
def test_an_entry_that_leaves_the_archive_is_the_users_error(tmp_path, name, suffix):
    path = write(tmp_path / f"a{suffix}", {"a/1.png": b"1", name: b"1", "../other.png": b""})
    message = message_of(path, "data-archive-refused")
    assert repr(name.rstrip("/") if suffix != ".zip" else name).rstrip("'") in message
    assert ESCAPES[name] in message
    assert "(and 1 more)" in message


def test_a_character_that_no_name_can_have(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"a/1.png": b"1", "a/2_.exe.png": b"1"})
    path.write_bytes(path.read_bytes().replace(b"2_.exe", b"2\0.exe"))
    assert "'a/2\\x00.exe.png' has a character that no name can have" in message_of(path, "data-archive-refused")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../x.png", "..", "../..", "C:\\x", "..\\..\\x"])
def test_a_link_that_leaves_the_archive(tmp_path, target):
    path = write_tar(tmp_path / "a.tar", {"a/1.png": b"1", "a/2.png": (tarfile.SYMTYPE, target)})
    if target == "..":  # the root itself
        assert reasons(path) == {"a/2.png": "a link: archives are read without following links"}
    else:
        assert "'a/2.png' is a link that leaves the archive" in message_of(path, "data-archive-refused")
    if target != "..":
        path = write_tar(tmp_path / "b.tar", {"a/1.png": b"1", "a/2.png": (tarfile.LNKTYPE, target)})
        assert "is a link that leaves" in message_of(path, "data-archive-refused")
        link = zipfile.ZipInfo("a/2.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
            archive.writestr(link, target)
        assert "is a link that leaves" in message_of(tmp_path / "c.zip", "data-archive-refused")


def test_links_devices_pipes_and_ambiguous_names_are_set_aside(tmp_path):
    files = {
        "a/1.png": b"1",
        "a/2.png": (tarfile.SYMTYPE, "1.png"),
        "a/3.png": (tarfile.LNKTYPE, "a/1.png"),
        "a/4.png": (tarfile.CHRTYPE, ""),
        "a/5.png": (tarfile.FIFOTYPE, ""),
        "b/6.png": b"1",
        "./b/6.png": b"other",
        "b//6.png": b"third",
        "b/inner.zip": b"PK",
    }
    assert reasons(write_tar(tmp_path / "a.tar", files)) == {
        "a/2.png": "a link: archives are read without following links",
        "a/3.png": "a link: archives are read without following links",
        "a/4.png": "not a regular file",
        "a/5.png": "not a regular file",
        "b/6.png": "ambiguous: its name is in the archive twice",
        "b/inner.zip": "not an image file: .zip",
    }
    assert [one.image_id for one in listing_of(tmp_path / "a.tar").found] == ["a/1.png"]


def patched(path: Path, name: str, **changes: int) -> None:
    """Changes both headers of a zip's entry."""
    fields = {"flags": (6, 8, "<H"), "method": (8, 10, "<H"), "crc": (14, 16, "<I"), "size": (22, 24, "<I")}
    data = bytearray(path.read_bytes())
    encoded = name.encode()
    first = data.index(encoded) - 30
    second = data.index(encoded, first + 31) - 46
    for key, value in changes.items():
        local, central, form = fields[key]
        struct.pack_into(form, data, first + local, value)
        struct.pack_into(form, data, second + central, value)
    path.write_bytes(data)


def test_entries_that_cannot_be_read_are_set_aside(tmp_path):
    path = write_zip(tmp_path / "a.zip", {f"a/{number}.png": b"1" for number in range(3)})
    patched(path, "a/1.png", flags=1)
    patched(path, "a/2.png", method=9)
    assert reasons(path) == {
        "a/1.png": "encrypted",
        "a/2.png": "unsupported compression: method 9 (deflate64)",
    }
    patched(path, "a/0.png", flags=1)
    assert "3 of its entries cannot be used (encrypted)" in message_of(path, "data-no-images")


@pytest.mark.parametrize("method", ZIPPED.values(), ids=ZIPPED)
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"crc": 1}, "wrong checksum"),
        ({"size": 30_000}, "not that in the directory"),
        ({"size": 50_000}, "not that in the directory"),
    ],
    ids=["checksum", "longer", "shorter"],
)
def test_an_entry_that_contradicts_the_directory(tmp_path, method, changes, reason):
    path = write_zip(tmp_path / "a.zip", {"a/1.png": b"1" * 40_000, "a/2.png": b"2" * 100}, method)
    patched(path, "a/1.png", **changes)
    source = source_of(path)
    found = source.list().found
    with source.reader() as reader:
        with pytest.raises(UnreadableImage, match=f"damaged: .*{reason}"):
            reader.read(found[0], 10**6)
        assert reader.read(found[1], 100) == b"2" * 100
        with pytest.raises(UnreadableImage, match="too many bytes"):
            reader.read(found[1], 99)


def test_one_entry_that_extracts_to_far_more_than_an_image_does(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"a/1.png": bytes(5 * 1024**2), "a/2.png": bytes(10**5)})
    assert list(reasons(path)) == ["a/1.png"]
    assert "extract to 5242880" in reasons(path)["a/1.png"]


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz", ".tar.bz2", ".tar.xz"])
def test_an_archive_that_extracts_to_far_more_than_images_do(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(archive_entries, "MANY_BYTES", 10**6)
    path = write(tmp_path / f"a{suffix}", {f"a/{number}.png": bytes(10**6) for number in range(9)})
    message_of(path, "data-archive-refused")


def test_entries_that_share_bytes(tmp_path):
    kernel = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = kernel.compress(b"1" * 1000) + kernel.flush()
    crc = zlib.crc32(b"1" * 1000)
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, crc, len(packed), 1000, 7, 0)
    directory = b""
    for name in (b"a/1.png", b"a/2.png"):
        sizes = (crc, len(packed), 1000, 7, 0, 0, 0, 0, 0, 0)
        directory += struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 0, *sizes) + name
    body = local + b"a/1.png" + packed
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 2, 2, len(directory), len(body), 0)
    (tmp_path / "a.zip").write_bytes(body + directory + end)
    assert "'a/1.png' and 'a/2.png' share bytes" in message_of(tmp_path / "a.zip", "data-archive-refused")


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz"])
def test_an_archive_that_was_not_completely_copied(tmp_path, suffix):
    noise = b"".join(struct.pack("<Q", number**7 % 2**64) for number in range(2000))
    path = write(tmp_path / f"a{suffix}", {f"a/{number}.png": noise for number in range(9)})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    message_of(path, "data-archive-damaged")


def test_a_tar_with_a_broken_header_is_not_half_read(tmp_path):
    path = write_tar(tmp_path / "a.tar", {f"a/{number}.png": b"1" for number in range(9)})
    data = bytearray(path.read_bytes())
    data[3 * 1024 + 148 : 3 * 1024 + 156] = b"7777777\0"
    path.write_bytes(data)
    assert "after byte 3,072" in message_of(path, "data-archive-damaged")


@pytest.mark.parametrize("size", [-1024, -(10**12), 10**15])
def test_a_tar_whose_entries_lie_outside_of_it(tmp_path, size):
    path = write_tar(tmp_path / "a.tar", {f"a/{number}.png": b"1" for number in range(3)})
    data = bytearray(path.read_bytes())
    header = data[1024:1536]
    header[124:136] = b"\xff" + (size % 2**88).to_bytes(11, "big") if size < 0 else b"\x80" + size.to_bytes(11, "big")
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    data[1024:1536] = header
    path.write_bytes(data)
    message_of(path, "data-archive-damaged")


def test_a_tar_with_a_name_of_many_bytes(tmp_path):
    path = write_tar(tmp_path / "a.tar", {"a/1.png": b"1", "a/" + "n" * (2 * tar_archive._LONGEST_HEADER): b"1"})
    assert "a header of" in message_of(path, "data-archive-damaged")


@pytest.mark.parametrize("content", [b"", b"no archive" * 100, b"PK\3\4" * 9], ids=["empty", "text", "zip"])
def test_a_file_that_is_not_an_archive(tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    message_of(tmp_path / "a.zip", "data-archive-damaged")


def test_a_missing_file_a_folder_and_an_empty_archive(tmp_path):
    assert "No such file" in message_of(tmp_path / "a.zip", "data-unreadable")
    (tmp_path / "b.zip").mkdir()
    assert "not a file" in message_of(tmp_path / "b.zip", "data-unreadable")
    assert "it is empty" in message_of(write_zip(tmp_path / "c.zip", {}), "data-no-images")


def test_the_fingerprint_is_the_files(tmp_path):
    path = write_zip(tmp_path / "a.zip", FILES)
    first = source_of(path).fingerprint()
    assert source_of(path).fingerprint() == first
    write_zip(path, {**FILES, "ann ö/4.png": b""})
    assert source_of(path).fingerprint() != first
    assert len(listing_of(path).found) == 4


def test_a_full_disk_while_extracting(tmp_path, monkeypatch):
    path = write_tar(tmp_path / "a.tgz", FILES)
    with Path("/dev/full").open("wb", buffering=0) as full:
        monkeypatch.setattr(tempfile, "TemporaryFile", lambda: full)
        assert "TMPDIR" in message_of(path, "data-disk-space")


def test_increments_of_archives(tmp_path):
    for day in ("07", "08"):
        write_zip(tmp_path / f"day {day}.zip", {name: day.encode() for name in IMAGES})
    opened = open_source(str(tmp_path / "day {SPAN}.zip"), IngestSettings(spans=2))
    found = opened.source.list().found
    assert [one.image_id for one in found] == [f"{day}/{name}" for day in ("07", "08") for name in IMAGES]
    assert set(read_all(opened.source, found).values()) == {b"07", b"08"}


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz"])
@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_archive_is_read_or_refused_but_never_crashes(tmp_path, suffix, data):
    path = write(tmp_path / f"a{suffix}", {f"a/{number}.png": b"%d" % number * 99 for number in range(4)})
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    source = source_of(path)
    assert isinstance(source, ArchiveSource)
    try:
        found = source.list().found
    except UserError:
        return
    with source.reader() as reader:
        for one in found:
            with suppress(UnreadableImage, OSError):
                assert len(reader.read(one, 10**6)) == one.bytes
