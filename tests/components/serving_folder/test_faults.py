"""A full disk, a folder that may not be written to, versions that cannot be removed: on real file systems."""

import subprocess
from pathlib import Path

import pytest
from pushed_models import served_digest, tree, write_model

from components.serving_folder.push import push, roll_back
from components.serving_folder.serving_folder import check_writable, history, versions
from models.errors import UserError

KB = 1024


@pytest.fixture
def disk(tmp_path):
    """Mounts a disk of so many kilobytes; skipped for a user who may not."""
    mounted = []

    def mount(kilobytes: int) -> Path:
        folder = tmp_path / "disk"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting a disk needs rights that this user has not")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_too_small_is_an_error_before_the_copy(disk, tmp_path):
    serving = disk(2 * KB) / "serving"
    push(write_model(tmp_path / "a", "A", weights="a" * 100 * KB), serving)
    before = tree(serving)

    with pytest.raises(UserError, match=rf"^{serving}: [0-9.]+ MB free, but the model needs 2\.6 MB;") as error:
        push(write_model(tmp_path / "b", "B", weights="b" * 1500 * KB), serving)

    assert error.value.code == "model-disk-full"
    assert tree(serving) == before


def test_a_disk_that_fills_up_during_the_copy_leaves_what_served(disk, tmp_path, monkeypatch):
    serving = disk(3 * KB) / "serving"
    push(write_model(tmp_path / "a", "A", weights="a" * 100 * KB), serving)
    before = tree(serving)
    monkeypatch.setattr("components.serving_folder.local_folder.LocalFolder.check_space", lambda *_: None)

    with pytest.raises(UserError, match=f"^{serving}: ") as error:
        push(write_model(tmp_path / "b", "B", weights="b" * 5000 * KB), serving)

    assert error.value.code == "model-disk-full"
    assert tree(serving) == before
    assert served_digest(serving) == "A"
    assert push(write_model(tmp_path / "c", "C"), serving).pushed, "the space is free again"


def test_a_read_only_disk_is_one_line_and_can_still_be_read(disk, tmp_path):
    folder = disk(3 * KB)
    push(write_model(tmp_path / "a", "A"), folder)
    push(write_model(tmp_path / "b", "B"), folder)
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)

    for write in (
        lambda: push(write_model(tmp_path / "c", "C"), folder),
        lambda: roll_back(folder),
        lambda: check_writable(folder / "more"),
    ):
        with pytest.raises(UserError, match=f"^{folder}") as error:
            write()
        assert error.value.code == "model-not-writable"
    assert served_digest(folder) == "B"
    assert len(history(folder).events) == 2


def test_a_folder_that_does_not_exist_yet_is_checked_and_not_made(tmp_path):
    check_writable(tmp_path / "a" / "b")
    check_writable("memory://bucket/serving")
    assert not (tmp_path / "a").exists()


def test_a_version_that_cannot_be_removed_does_not_fail_the_push_and_is_recorded(tmp_path, monkeypatch, caplog):
    serving = tmp_path / "serving"
    push(write_model(tmp_path / "a", "A"), serving)
    first = versions(serving)[0]

    def stuck(self, version):
        raise OSError("Device or resource busy")

    with monkeypatch.context() as patched:
        patched.setattr("components.serving_folder.local_folder.LocalFolder.remove", stuck)
        with caplog.at_level("WARNING"):
            result = push(write_model(tmp_path / "b", "B"), serving, keep=1)

    assert result.pushed
    assert versions(serving) == [first, result.version]
    last = history(serving).events[-1]
    assert (last.action, last.version) == ("prune failed", first)
    assert last.reason == "could not be removed: Device or resource busy"

    push(write_model(tmp_path / "c", "C"), serving, keep=1)
    assert len(versions(serving)) == 1, "the next push removes it"
    assert history(serving).events[-1].action == "prune"


def test_a_kill_between_the_two_halves_of_a_removal_leaves_trash_that_the_next_push_removes(tmp_path, monkeypatch):
    serving = tmp_path / "serving"
    push(write_model(tmp_path / "a", "A"), serving)
    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", lambda *_, **__: None)
        push(write_model(tmp_path / "b", "B"), serving, keep=1)
    assert len(versions(serving)) == 1
    assert list(serving.glob(".staging-*"))

    push(write_model(tmp_path / "c", "C"), serving, keep=1)
    assert not list(serving.glob(".staging-*"))
