"""Versions rise, appear whole or not at all, and the identical model is recognised."""

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pushed_models import served_digest, tree, write_foreign, write_model

from components.serving_folder import local_folder
from components.serving_folder.push import push, roll_back
from components.serving_folder.serving_folder import fetch_served, history, served, served_key, versions
from components.serving_folder.storage import link_or_copy
from models.checksums import MODEL_FILE, write_checksums
from models.errors import UserError
from models.export.manifest import FILE


@pytest.fixture
def serving(tmp_path):
    return tmp_path / "serving"


@pytest.fixture
def clock(monkeypatch):
    """Sets what time.time() returns."""
    return lambda now: monkeypatch.setattr(time, "time", lambda: now)


def test_nothing_serves_at_first(serving):
    assert versions(serving) == []
    assert served(serving) is None
    assert served_digest(serving) == "none"


def test_a_push_is_a_whole_copy_named_after_the_clock(tmp_path, serving, clock):
    model = write_model(tmp_path / "model", "A")
    clock(1000.9)

    result = push(model, serving)

    assert (result.version, result.pushed, result.path) == (1000, True, serving / "1000")
    assert tree(serving / "1000") == tree(model)
    assert served(serving) == serving / "1000"
    assert served_digest(serving) == "A"


def test_the_copy_is_no_link_and_readable_by_a_server_of_another_user(tmp_path, serving):
    model = write_model(tmp_path / "model", "A")
    model.chmod(0o700)

    path = push(model, serving).path
    (model / "saved_model.pb").write_text("changed later")

    assert (path / "saved_model.pb").read_text() == "graph A"
    assert path.stat().st_mode & 0o777 == serving.stat().st_mode & 0o777


@pytest.mark.parametrize("later", [1000, 1000.5, 3])
def test_versions_rise_in_the_same_second_and_when_the_clock_is_set_back(tmp_path, serving, clock, later):
    clock(1000)
    push(write_model(tmp_path / "a", "A"), serving)
    clock(later)

    result = push(write_model(tmp_path / "b", "B"), serving)

    assert (result.version, result.pushed) == (1001, True)
    assert served_digest(serving) == "B"
    assert versions(serving) == [1000, 1001]


def test_the_identical_model_is_not_pushed_again(tmp_path, serving):
    first = push(write_model(tmp_path / "a", "A"), serving)

    second = push(write_model(tmp_path / "again", "A", weights="another file layout"), serving)

    assert (second.version, second.pushed, second.path) == (first.version, False, first.path)
    assert versions(serving) == [first.version]


def test_an_earlier_version_can_serve_again(tmp_path, serving):
    first = push(write_model(tmp_path / "a", "A"), serving)
    push(write_model(tmp_path / "b", "B"), serving)

    again = push(first.path, serving)

    assert again.pushed
    assert served_digest(serving) == "A"
    assert len(versions(serving)) == 3


def test_what_is_no_whole_version_does_not_serve_and_is_not_overwritten(tmp_path, serving, clock):
    write_foreign(serving / "canary")
    write_foreign(serving / "-5")
    write_foreign(serving / str(2**63))
    (serving / "2000").mkdir()  # partial: a full disk, another tool
    (serving / "2000" / "half").write_text("half")
    (serving / "3000").write_text("a file")
    clock(1000)

    assert versions(serving) == []
    result = push(write_model(tmp_path / "a", "A"), serving)

    assert result.version == 2001
    assert versions(serving) == [2001]
    assert (serving / "2000" / "half").exists()


def test_foreign_models_are_distinguished_by_their_files(tmp_path, serving):
    first = push(write_foreign(tmp_path / "a"), serving)
    same = push(write_foreign(tmp_path / "b"), serving)
    other = push(write_foreign(tmp_path / "c", "other"), serving)

    assert (first.pushed, same.pushed, other.pushed) == (True, False, True)
    assert len(served_digest(serving)) == 64


@pytest.mark.parametrize("manifest", [b"{", b"\xff\xfe", b"{}"])
def test_a_damaged_manifest_counts_as_foreign(tmp_path, serving, manifest):
    model = write_model(tmp_path / "a", "A")
    (model / FILE).write_bytes(manifest)

    assert push(model, serving).pushed
    assert len(served_digest(serving)) == 64


def test_a_folder_without_a_model_is_refused(tmp_path, serving):
    (tmp_path / "empty").mkdir()

    with pytest.raises(FileNotFoundError, match="empty: not a SavedModel"):
        push(tmp_path / "empty", serving)

    assert not serving.exists()


def test_a_model_that_is_not_as_it_was_exported_is_neither_pushed_nor_compared_with(tmp_path, serving):
    model = write_model(tmp_path / "model", "A")
    write_checksums(model, model / MODEL_FILE)
    shutil.copytree(model, serving / "7")  # by another tool: there is no record of it
    assert fetch_served(serving, tmp_path / "copy") == 7
    (serving / "7" / "saved_model.pb").write_text("graph B")
    with pytest.raises(UserError, match=r"7: the model that serves is damaged: .*saved_model\.pb: has changed"):
        fetch_served(serving, tmp_path / "another")
    (model / "saved_model.pb").write_text("graph B")
    with pytest.raises(UserError, match=r"was not pushed: .*/model/saved_model\.pb: has changed") as error:
        push(model, tmp_path / "elsewhere")
    assert error.value.code == "model-damaged"
    assert versions(tmp_path / "elsewhere") == []


def test_a_failing_copy_is_an_error_and_keeps_what_served(tmp_path, serving, monkeypatch):
    push(write_model(tmp_path / "a", "A"), serving)
    before = tree(serving)

    def fail(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        push(write_model(tmp_path / "b", "B"), serving)

    assert tree(serving) == before
    assert served_digest(serving) == "A"


def test_a_failing_rename_leaves_what_served_and_says_why_in_the_history(tmp_path, serving, monkeypatch):
    push(write_model(tmp_path / "a", "A"), serving)

    def fail(*_):
        raise OSError("Stale file handle")

    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.rename", fail)
        with pytest.raises(OSError, match="Stale file handle"):
            push(write_model(tmp_path / "b", "B"), serving)

    assert served_digest(serving) == "A"
    *_, last = history(serving).events
    assert (last.action, last.reason) == ("failed", "nothing was pushed: Stale file handle")
    assert push(tmp_path / "b", serving).version > last.version, "the number is not used again"
    assert not list(serving.glob(".staging-*"))


def test_a_copy_that_differs_is_not_served(tmp_path, serving, monkeypatch):
    original = local_folder._copy

    def rotten(source, target):
        original(source, target)
        (target / "variables" / "variables.index").write_text("bit rot")

    monkeypatch.setattr(local_folder, "_copy", rotten)
    with pytest.raises(OSError, match="the copy differs"):
        push(write_model(tmp_path / "a", "A"), serving)

    assert versions(serving) == []
    assert [path.name for path in serving.iterdir()] == [".lock"]


def test_a_killed_push_leaves_no_version_and_the_next_one_cleans_up(tmp_path, serving):
    model = write_model(tmp_path / "a", "A")
    killed = (
        "import os, sys\n"
        "from components.serving_folder import local_folder\n"
        "from components.serving_folder.push import push\n"
        "local_folder.file_digests = lambda _: os.kill(os.getpid(), 9)\n"
        "push(*sys.argv[1:])\n"
    )

    status = subprocess.run([sys.executable, "-c", killed, model, serving], check=False, cwd=Path.cwd()).returncode

    assert status == -9
    assert versions(serving) == []
    assert len(list(serving.glob(".staging-*"))) == 1
    assert push(model, serving).pushed
    assert not list(serving.glob(".staging-*"))
    assert served_digest(serving) == "A"


def test_what_another_machine_has_staged_is_left_to_it_for_an_hour(tmp_path, serving):
    serving.mkdir()
    for age, name in ((60, "fresh"), (4000, "old")):
        path = serving / f".staging-{name}@another-machine"
        path.mkdir()
        os.utime(path, (time.time() - age,) * 2)

    push(write_model(tmp_path / "a", "A"), serving)

    assert [path.name for path in serving.glob(".staging-*")] == [".staging-fresh@another-machine"]


def test_two_pushes_at_once_without_locks_never_share_a_version(tmp_path, serving, monkeypatch):
    def no_locks(*_):
        raise OSError("No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    models = [write_model(tmp_path / letter, letter, weights=letter * 1000) for letter in "ABCDEFGH"]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda one: push(one, serving), models))

    assert len({result.version for result in results}) == len(models)
    for one, result in zip(models, results, strict=True):
        assert tree(result.path) == tree(one)


def test_a_version_as_high_as_there_can_be_leaves_no_room(tmp_path, serving):
    write_foreign(serving / str(2**63 - 1))

    with pytest.raises(UserError) as error:
        push(write_model(tmp_path / "a", "A"), serving)
    assert error.value.code == "model-version-limit"


def test_a_damaged_version_is_replaced_by_the_same_model_once_more(tmp_path, serving):
    model = write_model(tmp_path / "a", "A")
    first = push(model, serving)
    (first.path / "variables" / "variables.index").write_text("")

    again = push(model, serving)

    assert (again.pushed, tree(again.path)) == (True, tree(model))


def test_importing_it_takes_neither_tensorflow_nor_tfx_nor_numpy():
    code = "import sys, components.serving_folder.push; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"tensorflow", "tfx", "numpy", "fsspec"} & set(done.stdout.split())


class TestFetch:
    def test_what_serves_comes_as_links(self, tmp_path, serving):
        result = push(write_model(tmp_path / "a", "A"), serving)

        assert fetch_served(serving, tmp_path / "fetched") == result.version
        assert tree(tmp_path / "fetched") == tree(result.path)
        assert (tmp_path / "fetched" / "saved_model.pb").samefile(result.path / "saved_model.pb")

    def test_nothing_serves(self, tmp_path, serving):
        assert fetch_served(serving, tmp_path / "fetched") is None
        assert not (tmp_path / "fetched").exists()

    def test_a_damaged_version_is_an_error_and_not_copied(self, tmp_path, serving):
        result = push(write_model(tmp_path / "a", "A"), serving)
        (result.path / "variables" / "variables.index").unlink()

        with pytest.raises(UserError, match=r"variables/variables\.index is missing") as error:
            fetch_served(serving, tmp_path / "fetched")
        assert error.value.code == "model-damaged"
        assert not (tmp_path / "fetched").exists()

    def test_a_version_that_is_pruned_meanwhile_gives_way_to_the_next(self, tmp_path, serving, monkeypatch):
        push(write_model(tmp_path / "a", "A"), serving)
        link = local_folder.link_or_copy

        def slow(source, target):
            monkeypatch.undo()
            push(write_model(tmp_path / "b", "B"), serving, keep=1)
            link(source, target)

        monkeypatch.setattr(local_folder, "link_or_copy", slow)
        version = fetch_served(serving, tmp_path / "fetched")

        assert version == versions(serving)[-1]
        assert tree(tmp_path / "fetched") == tree(tmp_path / "b")


def test_the_serving_folder_must_be_a_folder(tmp_path):
    (tmp_path / "file").write_text("")

    for code, read in (
        ("model-folder-is-file", lambda: versions(tmp_path / "file")),
        ("model-folder-is-file", lambda: push(write_model(tmp_path / "a", "A"), tmp_path / "file" / "serving")),
        ("model-not-mounted", lambda: served("memory://bucket/serving")),
    ):
        with pytest.raises(UserError) as error:
            read()
        assert error.value.code == code


@pytest.mark.skipif(bool(importlib.util.find_spec("s3fs")), reason="s3fs is installed here")
def test_a_missing_library_for_an_address_is_one_line_that_says_what_to_install():
    with pytest.raises(UserError, match=r"pip install 'siamese-pipeline\[s3\]'") as error:
        versions("s3://bucket/serving")
    assert error.value.code == "model-store-library"


def test_an_unknown_kind_of_url():
    with pytest.raises(UserError, match=r"^nothing://bucket: ") as error:
        versions("nothing://bucket")
    assert error.value.code == "model-bad-url"


def test_links_share_the_bytes_and_copies_replace_them_where_there_are_none(tmp_path, monkeypatch):
    model = write_model(tmp_path / "model", "A")
    link_or_copy(model, tmp_path / "linked")
    assert (tmp_path / "linked" / "saved_model.pb").samefile(model / "saved_model.pb")

    def no_links(*_):
        raise OSError("Invalid cross-device link")

    monkeypatch.setattr("os.link", no_links)
    link_or_copy(model, tmp_path / "linked")  # over the links that are there: the original stays whole
    assert tree(tmp_path / "linked") == tree(model)
    assert not (tmp_path / "linked" / "saved_model.pb").samefile(model / "saved_model.pb")


def test_the_key_of_what_serves_changes_with_the_version_the_model_and_its_bytes(tmp_path, serving):
    keys = [served_key(serving)]
    assert keys == ["none"]
    push(write_model(tmp_path / "a", "A"), serving)
    keys.append(served_key(serving))
    push(write_model(tmp_path / "b", "B"), serving)
    keys.append(served_key(serving))
    roll_back(serving)  # the first model's digest under another version
    keys.append(served_key(serving))
    assert served_key(serving) == keys[-1]
    (served(serving) / "saved_model.pb").write_bytes(b"damaged")
    keys.append(served_key(serving))
    assert len(set(keys)) == len(keys)
