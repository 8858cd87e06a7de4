"""Errors of stores, reads whose connection is cut, and folders of a store: without one; see also test_s3_sources.py."""

import errno

import fsspec
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, NoCredentialsError
from s3fs.errors import translate_boto_error

from components.storage.image_walk import File
from components.storage.object_stores import fault_of, open_object, open_store
from components.storage.store_folder import StoreFolder
from models.errors import UserError

memory = fsspec.filesystem("memory")


def answer(code: str) -> Exception:
    """What s3fs raises for an answer of a store's."""
    return translate_boto_error(ClientError({"Error": {"Code": code, "Message": f"it says {code}"}}, "GetObject"))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (answer("InvalidAccessKeyId"), "credentials"),
        (answer("SignatureDoesNotMatch"), "credentials"),
        (answer("ExpiredToken"), "credentials"),
        (NoCredentialsError(), "credentials"),
        (answer("AccessDenied"), "denied"),
        (answer("403"), "denied"),
        (answer("NoSuchBucket"), "no bucket"),
        (answer("NoSuchKey"), "missing"),
        (answer("SlowDown"), "unreachable"),
        (answer("SomethingNew"), "unreachable"),
        (EndpointConnectionError(endpoint_url="http://x"), "unreachable"),
        (ConnectTimeoutError(endpoint_url="http://x"), "unreachable"),
        (ConnectionResetError("cut"), "unreachable"),
        (OSError(errno.ENOSPC, "No space left on device"), None),
        (ValueError("a mistake of ours"), None),
    ],
)
def test_errors_of_stores(error, kind):
    fault = fault_of(error)
    assert (fault and fault.kind) == kind
    assert fault is None or fault.reason


@pytest.fixture
def photos():
    memory.store.clear()
    for path in ("ann/1.png", "bob/2.png", ".hidden/3.png"):
        memory.pipe_file(f"/bucket/photos/{path}", path.encode())
    yield StoreFolder("memory://bucket/photos")
    memory.store.clear()


def test_a_folder(photos):
    assert [file.path for file in photos.files()] == ["ann/1.png", "bob/2.png"]
    assert photos.names() == [".hidden", "ann", "bob"]
    assert photos.file("ann/1.png").bytes == len("ann/1.png")
    assert [file.path for file in photos.named(["bob/2.png", "none"])] == ["bob/2.png"]
    with photos.open("bob/2.png") as file:
        assert (file.read(3), file.read()) == (b"bob", b"/2.png")
    for missing in ("none.png", "ann"):
        with pytest.raises(FileNotFoundError):
            photos.file(missing)
    with pytest.raises(FileNotFoundError), photos.open("none.png") as file:
        file.read()
    with pytest.raises(UserError) as caught:
        StoreFolder("memory://bucket/none").files()
    assert caught.value.code == "data-folder-missing"
    assert StoreFolder("memory://bucket/none").names() == []


def test_the_checksum_decides_where_the_store_keeps_one(photos):
    assert photos.digest(File("a", 1, '1700000000000000000 "abc"')) == '"abc"'
    assert photos.digest(File("a", 1, "1700000000000000000")) == "1700000000000000000"
    first, again = photos.file("ann/1.png"), photos.file("ann/1.png")
    assert photos.digest(first) == photos.digest(again)


@pytest.mark.parametrize("cuts", [1, 3, 100])
def test_a_read_that_is_cut_is_tried_again_a_few_times(photos, monkeypatch, cuts):
    cat, left = type(memory).cat_file, [cuts]

    def cut(self, path, **limits):
        if left[0]:
            left[0] -= 1
            raise ConnectionResetError("cut")
        return cat(self, path, **limits)

    monkeypatch.setattr(type(memory), "cat_file", cut)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with photos.open("ann/1.png") as file:
        if cuts < 100:
            assert file.read() == b"ann/1.png"
        else:
            with pytest.raises(UserError) as caught:
                file.read()
            assert caught.value.code == "data-unreachable"
            assert left[0] > 90


def test_an_object_is_read_by_blocks_and_sought_in(photos):
    content = bytes(range(256)) * (40 << 10)
    memory.pipe_file("/bucket/large", content)
    store, key = open_store("memory://bucket/large")
    with open_object(store, key) as file:
        assert (file.seek(-9, 2), file.read(), file.read()) == (len(content) - 9, content[-9:], b"")
        assert (file.seek(7), file.read(5 << 20)) == (7, content[7 : 7 + (5 << 20)])
        with pytest.raises(OSError, match="before the beginning"):
            file.seek(-1)
