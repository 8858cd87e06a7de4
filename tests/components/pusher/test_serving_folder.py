"""Versions rise, appear whole or not at all, and the identical model is recognised."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from components.pusher import serving_folder
from components.pusher.serving_folder import link_or_copy, push, served, served_digest, versions
from models.errors import UserError
from models.manifest import FILE, ModelManifest
from models.settings import ImageSettings


def write_model(path: Path, digest: str, weights: str = "w") -> Path:
    (path / "variables").mkdir(parents=True)
    (path / "saved_model.pb").write_text(f"graph {digest}")
    (path / "variables" / "variables.index").write_text(weights)
    ModelManifest(
        model_digest=digest,
        image=ImageSettings(),
        distance="euclidean",
        threshold=0.5,
        slope=4.0,
        embedding=64,
        split={},
        config_digest="c",
        versions={},
    ).write(path)
    return path


def write_foreign(path: Path, text: str = "foreign") -> Path:
    path.mkdir(parents=True)
    (path / "saved_model.pb").write_text(text)
    return path


def tree(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


@pytest.fixture
def serving(tmp_path):
    return tmp_path / "serving"


@pytest.fixture
def clock(monkeypatch):
    """Sets what time.time() says."""
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


def test_foreign_models_are_told_apart_by_their_files(tmp_path, serving):
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


@pytest.mark.parametrize("failing", ["_copy_durably", "_files_digest"])
def test_a_failing_push_leaves_what_served(tmp_path, serving, monkeypatch, failing):
    push(write_model(tmp_path / "a", "A"), serving)
    before = tree(serving)

    def fail(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(serving_folder, failing, fail)
    with pytest.raises(OSError, match="No space left"):
        push(write_model(tmp_path / "b", "B"), serving)

    assert tree(serving) == before
    assert served_digest(serving) == "A"


def test_a_copy_that_differs_is_not_served(tmp_path, serving, monkeypatch):
    monkeypatch.setattr(serving_folder, "_copy_durably", lambda _, target: target.write_text("bit rot"))

    with pytest.raises(OSError, match="the copy differs"):
        push(write_model(tmp_path / "a", "A"), serving)

    assert versions(serving) == []
    assert [path.name for path in serving.iterdir()] == [".lock"]


def test_a_killed_push_leaves_no_version_and_the_next_one_cleans_up(tmp_path, serving):
    model = write_model(tmp_path / "a", "A")
    killed = (
        "import os, sys\n"
        "from components.pusher import serving_folder\n"
        "serving_folder._files_digest = lambda _: os.kill(os.getpid(), 9)\n"
        "serving_folder.push(*sys.argv[1:])\n"
    )

    status = subprocess.run([sys.executable, "-c", killed, model, serving], check=False, cwd=Path.cwd()).returncode

    assert status == -9
    assert versions(serving) == []
    assert len(list(serving.glob(".staging-*"))) == 1
    assert push(model, serving).pushed
    assert not list(serving.glob(".staging-*"))
    assert served_digest(serving) == "A"


def test_the_serving_folder_must_be_a_folder(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(UserError, match="is a file"):
        versions(tmp_path / "file")
    with pytest.raises(UserError, match="mounted file system"):
        served("s3://bucket/serving")


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
