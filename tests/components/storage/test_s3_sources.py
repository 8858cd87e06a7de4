"""Images in a real object store: every source reads there what it reads on a disk."""

import tarfile
import zipfile
from pathlib import Path

import fsspec.config
import pytest
import s3fs
from PIL import Image
from seaweedfs import FaultyProxy
from seaweedfs.store import IMPATIENT

from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.sources.address import open_source
from components.storage.folders import open_folder, read_file
from models.errors import UserError

pytestmark = pytest.mark.s3

NAMES = ("ann/1.png", "ann/2 b.png", "bob ö/50%+[1]?.png", "bob ö/#2&x=1.png", "bob ö/no ending", ".hidden/3.png")


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "photos"
    for number, name in enumerate(NAMES):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(path, "png")
    (folder / "ann/notes.txt").write_text("none")
    rows = "".join(f"{name},{name.partition('/')[0]}\n" for name in NAMES[:5])
    (folder / "list.csv").write_text(f"path,identity\n{rows}gone.png,b\n", "utf-8")
    return folder


def put(local: Path, address: str) -> None:
    """Uploads a file or a folder, by each name."""
    store = s3fs.S3FileSystem()
    if local.is_file():
        store.pipe_file(address, local.read_bytes())
    for path in local.rglob("*"):
        if path.is_file():
            store.pipe_file(f"{address}/{path.relative_to(local).as_posix()}", path.read_bytes())


def contents(address: str) -> tuple:
    """The listing, and the bytes of every image, in any number of readers."""
    source = open_source(address, IngestSettings()).source
    listing = source.list()
    with source.reader() as reader:
        return listing, [reader.read(one, 1 << 20) for one in listing.found]


def packed(photos: Path, name: str) -> Path:
    path = photos.parent / name
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            for file in NAMES:
                archive.write(photos / file, file)
    else:
        with tarfile.open(path, "w:gz" if name.endswith("gz") else "w") as archive:
            archive.add(photos, "photos")
    return path


@pytest.mark.parametrize("name", ["", "list.csv", "my photos.zip", "photos.tar", "photos.tgz"])
def test_every_source_is_as_on_a_disk(s3, photos, name):
    local = packed(photos, name) if name and name != "list.csv" else photos
    put(local, f"{s3}/{local.name}")
    beside = "/list.csv" if name == "list.csv" else ""
    found, read = contents(f"{s3}/{local.name}{beside}")
    expected, expected_read = contents(f"{local}{beside}")
    assert found == expected
    assert read == expected_read
    assert len(found.found) >= 4


def test_increments(s3, photos):
    for day in ("01", "03"):
        put(photos, f"{s3}/day-{day}")
    opened = open_source(f"{s3}/day-{{SPAN}}", IngestSettings())
    assert ([one.number for one in opened.spans], [one.number for one in opened.previous.spans]) == ([3], [1])
    assert {one.image_id.partition("/")[0] for one in opened.source.list().found} == {"03"}
    with pytest.raises(UserError) as caught:
        open_source(f"{s3}/night-{{SPAN}}", IngestSettings())
    assert caught.value.code == "data-span-missing"


def test_the_content_decides_and_not_the_time(s3, photos):
    put(photos, s3)
    first = open_source(s3, IngestSettings()).fingerprint()
    put(photos / "ann/1.png", f"{s3}/ann/1.png")  # the same bytes again
    assert open_source(s3, IngestSettings()).fingerprint() == first
    put(photos / "ann/2 b.png", f"{s3}/ann/1.png")
    assert open_source(s3, IngestSettings()).fingerprint() != first


def test_more_objects_than_one_listing_has(s3):
    store = s3fs.S3FileSystem()
    store.pipe({f"{s3}/{number % 7}/{number}.png": b"x" for number in range(1203)})
    assert len(open_folder(s3).files()) == 1203
    assert open_folder(s3).names() == list("0123456")


def test_a_file_of_many_blocks_is_sought_in(s3, tmp_path):
    content = bytes(range(256)) * (5 << 12)
    store = s3fs.S3FileSystem()
    store.pipe_file(f"{s3}/large", content)
    store.pipe_file(f"{s3}/empty", b"")
    with open_folder(s3).open("large") as file:
        assert file.seek(-700, 2) == len(content) - 700
        assert file.read() == content[-700:]
        assert (file.seek(5), file.read(300)) == (5, content[5:305])
        assert file.read() == content[305:]
    assert read_file(f"{s3}/large") == content
    assert read_file(f"{s3}/empty") == b""


def test_what_is_missing_is_named(s3):
    for address in (s3, "s3://no-such-bucket/photos", "s3://no-such-bucket"):
        with pytest.raises(UserError) as caught:
            open_source(address, IngestSettings()).source.list()
        assert caught.value.code == "data-folder-missing"
        assert address in str(caught.value)
    with pytest.raises(UserError) as caught:
        open_source("s3://no-such-bucket/day-{SPAN}", IngestSettings())
    assert (caught.value.code, "no such bucket" in str(caught.value)) == ("data-folder-missing", True)
    for address in (f"{s3}/none.zip", f"{s3}/none.csv"):
        with pytest.raises(UserError) as caught:
            open_source(address, IngestSettings()).fingerprint()
        assert caught.value.code == "data-unreadable"
        assert address in str(caught.value)


def test_an_image_that_is_gone_is_set_aside_but_a_store_that_is_gone_ends_the_run(seaweedfs, s3, photos, monkeypatch):
    put(photos, s3)
    with FaultyProxy(seaweedfs.port) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        monkeypatch.setitem(fsspec.config.conf, "s3", IMPATIENT)
        s3fs.S3FileSystem.clear_instance_cache()
        source = open_source(s3, IngestSettings()).source
        listing = source.list()
        s3fs.S3FileSystem(endpoint_url=seaweedfs.endpoint).rm_file(f"{s3}/ann/1.png")
        with source.reader() as reader:
            with pytest.raises(FileNotFoundError):
                reader.read(listing.found[0], 1 << 20)
            proxy.fail("cut")
            with pytest.raises(UserError) as caught:
                reader.read(listing.found[1], 1 << 20)
    assert caught.value.code == "data-unreachable"
    assert proxy.endpoint in str(caught.value)
