"""In an object store a version is complete with its saved_model.pb alone, whatever dies on the way."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import fsspec
import pytest
from mortal_store import Died
from pushed_models import served_digest, tree

from components.serving_folder import object_store
from components.serving_folder.history import claimed
from components.serving_folder.push import Provenance, push
from components.serving_folder.serving_folder import (
    FolderFiles,
    fetch_served,
    history,
    open_storage,
    same_as_served,
    served_key,
    versions,
)
from components.serving_folder.storage import file_digests
from models.errors import UserError

memory = fsspec.filesystem("memory")


def names(address: str) -> list[str]:
    """What lies in the store, below the address."""
    root = "/" + address.partition("://")[2] + "/"
    return [name.removeprefix(root) for name in memory.find(root)]


def whole(address: str, model) -> None:
    """Whether every complete version is one of the models, byte for byte; the highest one's digest is returned."""
    storage = open_storage(address)
    for version in storage.versions():
        digests = file_digests(storage.files(version))
        assert digests == file_digests(FolderFiles(model(served_letter(storage, version)))), version


def served_letter(storage, version: int) -> str:
    with storage.files(version).open("saved_model.pb") as file:
        return file.read().decode().removeprefix("graph ")


def age(address: str, hours: float) -> None:
    """Makes all records older."""
    root = "/" + address.partition("://")[2] + "/.history"
    for name in memory.find(root):
        record = json.loads(memory.cat_file(name))
        record["at"] = (datetime.now(timezone.utc) - timedelta(hours=hours)).isoformat()
        memory.pipe_file(name, json.dumps(record).encode())


def test_the_key_of_what_serves_changes_when_an_object_is_written_again(store, model):
    push(model("A"), store)
    first = served_key(store)
    assert served_key(store) == first
    name = next(one for one in memory.find("/" + store.partition("://")[2]) if one.endswith("saved_model.pb"))
    memory.pipe_file(name, memory.cat_file(name)[::-1])
    assert served_key(store) != first


def test_pushes_rise_serve_and_are_pruned(store, model):
    assert (versions(store), served_digest(store), history(store).serving) == ([], "none", None)

    results = [push(model(letter), store, Provenance(reason=f"for {letter}"), keep=2) for letter in "ABC"]
    again = push(model("C"), store, keep=2)

    assert versions(store) == [result.version for result in results[1:]]
    assert results[2].address == f"{store}/{results[2].version}"
    assert (again.pushed, again.version) == (False, results[2].version)
    assert served_digest(store) == "C"
    assert not [name for name in names(store) if name.startswith(f"{results[0].version}/")]
    assert [(event.action, event.reason) for event in history(store).events] == [
        *[("push", f"for {letter}") for letter in "ABC"],
        ("prune", "beyond the 2 versions that are kept"),
    ]


def test_saved_model_goes_last_and_is_removed_first(mortal, model):
    mortals, address = mortal
    order = []

    class Watched(mortals):
        def _open(self, path, mode="rb", **kwargs):
            if mode != "rb" and ".history" not in path:
                order.append(("+", path.rpartition("/")[2]))
            return super()._open(path, mode, **kwargs)

        def _rm(self, path):
            order.append(("-", path.rpartition("/")[2]))
            super()._rm(path)

    fsspec.register_implementation("mortal", Watched, clobber=True)
    push(model("A"), address)
    assert [name for sign, name in order] == ["siamese.json", "variables.index", "saved_model.pb"]
    push(model("B"), address, keep=1)
    assert order[6:] == [("-", "saved_model.pb"), ("-", "siamese.json"), ("-", "variables.index")]


def test_whatever_step_it_dies_at_the_old_or_the_new_version_serves_whole_and_the_next_push_recovers(mortal, model):
    mortals, address = mortal
    for step in range(1, 1000):
        memory.store.clear()
        mortals.restart(None)
        for letter in "ABC":
            push(model(letter), address, keep=3)
        age(address, 1)
        before = versions(address)[-1]
        mortals.restart(step)
        try:
            push(model("D"), address, keep=3)
        except Died:
            died = True
        else:
            died = False
        mortals.restart(None)

        assert served_digest(address) in ("C", "D"), step
        assert versions(address)[-1] >= before
        whole(address, model)
        assert fetch_served(address, model("A").parent / f"fetched-{step}") == versions(address)[-1]
        numbers = open_storage(address).numbers()
        taken = claimed(open_storage(address).record_names())

        age(address, 2)
        for letter in "DE":
            push(model(letter), address, keep=3)
        assert served_digest(address) == "E"
        whole(address, model)
        known = history(address)
        assert known.serving > max(numbers | taken), "a number is never used again"
        assert known.unfinished() == []
        assert len(known.complete) == 3
        assert sorted(known.complete) == sorted(open_storage(address).numbers()), "nothing incomplete is left"
        if not died:
            break
    assert step > 15


def test_what_is_being_uploaded_is_neither_served_nor_removed_nor_its_number_used(store, model):
    push(model("A"), store)
    other = open_storage(store)
    root = "/" + store.partition("://")[2]
    number = versions(store)[-1] + 5
    memory.pipe_file(f"{root}/{number}/variables/variables.index", b"half")

    result = push(model("B"), store)

    assert result.version == number + 1
    assert number in other.numbers()
    assert number not in versions(store)


def test_two_at_once_never_share_a_version(store, model):
    models = [model(letter) for letter in "ABCDEFGH"]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda one: push(one, store), models))

    storage = open_storage(store)
    assert len({result.version for result in results}) == len(models)
    for one, result in zip(models, results, strict=True):
        assert file_digests(storage.files(result.version)) == file_digests(FolderFiles(one))


@pytest.mark.parametrize("rotten", ["variables.index", "saved_model.pb"])
def test_an_upload_that_differs_is_not_served(store, model, monkeypatch, rotten):
    push(model("A"), store)
    pipe, upload = type(memory).pipe_file, object_store.ObjectStore._upload

    def bad_pipe(self, path, value, **kwargs):
        pipe(self, path, b"rot" if path.endswith(rotten) else value, **kwargs)

    def bad_upload(self, source, name, version):
        upload(self, source, name, version)
        if name.endswith(rotten):
            pipe(memory, f"{self._key(version)}/{name}", b"rot")

    monkeypatch.setattr(type(memory), "pipe_file", bad_pipe)
    monkeypatch.setattr(object_store.ObjectStore, "_upload", bad_upload)
    with pytest.raises(OSError, match="the upload differs"):
        push(model("B"), store)

    assert served_digest(store) == "A"
    assert len(versions(store)) == 1
    assert history(store).events[-1].action == "failed"


def test_a_store_without_a_way_to_create_only_says_taken_by_an_error_of_its_own(store, model, monkeypatch):
    """s3fs and gcsfs raise what their servers answered."""
    pipe = type(memory).pipe_file

    def refusing(self, path, value, mode="overwrite", **kwargs):
        if mode == "create" and self.exists(path):
            raise RuntimeError("412 Precondition Failed")
        pipe(self, path, value, mode=mode, **kwargs)

    monkeypatch.setattr(type(memory), "pipe_file", refusing)
    storage = open_storage(store)
    assert storage.add_record("1.json", b"mine")
    assert storage.add_record("1.json", b"mine"), "a request that was sent twice"
    assert not storage.add_record("1.json", b"theirs")
    assert storage.records() == {"1.json": b"mine"}


def test_a_store_without_conditional_writes_takes_no_push(store, model, monkeypatch):
    push(model("A"), store)
    pipe = type(memory).pipe_file
    monkeypatch.setattr(
        type(memory), "pipe_file", lambda self, path, value, mode="overwrite", **kwargs: pipe(self, path, value)
    )
    with pytest.raises(UserError) as raised:
        push(model("B"), store)
    assert raised.value.code == "model-store-replaces"
    assert served_digest(store) == "A"
    assert len(versions(store)) == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PermissionError("Access Denied"), "model-not-writable"),
        (FileNotFoundError("The specified bucket does not exist"), "model-unreachable"),
        (type("NoCredentialsError", (Exception,), {})("Unable to locate"), "model-no-credentials"),
    ],
)
def test_an_inaccessible_store_is_a_user_error(store, model, monkeypatch, error, code):
    def closed(*_, **__):
        raise error

    monkeypatch.setattr(type(memory), "pipe_file", closed)
    with pytest.raises(UserError) as raised:
        push(model("A"), store)
    assert raised.value.code == code
    assert str(raised.value).startswith(f"{store}: ")
    assert str(error) in str(raised.value)


def test_what_serves_is_downloaded_and_checked(store, model, tmp_path):
    version = push(model("A"), store).version

    assert fetch_served(store, tmp_path / "fetched") == version
    assert tree(tmp_path / "fetched") == tree(model("A"))
    assert same_as_served(model("A"), store).identical
    assert same_as_served(model("B"), store) is None

    memory.pipe_file(f"/{store.partition('://')[2]}/{version}/variables/variables.index", b"rot")
    with pytest.raises(UserError, match=r"variables/variables\.index") as raised:
        fetch_served(store, tmp_path / "again")
    assert raised.value.code == "model-damaged"
    assert same_as_served(model("A"), store) is None


def test_nothing_to_download(store, tmp_path):
    assert fetch_served(store, tmp_path / "fetched") is None
