import os
import tempfile
from pathlib import Path

import pytest

from components.storage.artifact_checksums import checksums_file
from pipeline.environment.leftovers import remove_unfinished, temporary_folder


@pytest.fixture(autouse=True)
def _system(monkeypatch, tmp_path):
    (tmp_path / "system").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "system"))
    monkeypatch.delenv("TMPDIR", raising=False)


def test_temporary_files_of_a_run_and_of_its_children_lie_in_one_folder_that_is_removed(tmp_path):
    with temporary_folder(tmp_path / "out") as folder:
        assert folder.parent == tmp_path / "system"
        assert folder.stat().st_mode & 0o777 == 0o700
        assert os.environ["TMPDIR"] == tempfile.gettempdir() == str(folder)
        assert Path(tempfile.mkdtemp()).parent == folder
        with temporary_folder(tmp_path / "other") as other:
            assert other != folder
        assert tempfile.gettempdir() == str(folder)
    assert list((tmp_path / "system").iterdir()) == []
    assert "TMPDIR" not in os.environ
    assert tempfile.gettempdir() == str(tmp_path / "system")


def test_the_next_run_removes_what_a_killed_one_left(tmp_path):
    killed = temporary_folder(tmp_path / "out")
    folder = killed.__enter__()  # and never the end of it
    (folder / "beam").mkdir()
    (folder / "beam" / "shard").write_bytes(b"x" * 1000)
    tempfile.tempdir = str(tmp_path / "system")
    with temporary_folder(tmp_path / "out") as again:
        assert again == folder
        assert list(again.iterdir()) == []
    assert list((tmp_path / "system").iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_name_that_another_user_has_taken_is_not_used(tmp_path, kind):
    with temporary_folder(tmp_path / "out") as folder:
        pass
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "file").write_text("")
    folder.write_text("") if kind == "file" else folder.symlink_to(tmp_path / "theirs")
    with temporary_folder(tmp_path / "out") as other:
        assert other != folder
        assert list(other.iterdir()) == []
    assert (tmp_path / "theirs" / "file").exists()


def test_artifacts_of_executions_that_did_not_end_are_removed_with_their_checksums(tmp_path):
    names = {
        "Trainer/model/7": False,
        "Trainer/.checksums/model/7.json": False,
        "Trainer/.checksums/model/.7.json": False,
        "Trainer/.system/executor_execution/7": False,
        "Trainer/.system/stateful_working_dir/0d9f": False,
        "Trainer/model/70": True,
        "Trainer/.checksums/model/70.json": True,
        "Trainer/.system/executor_execution/70": True,
        "Trainer/model/mine": True,
    }
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".json"):
            path.write_text("{}")
        else:
            path.mkdir()
            (path / "file").write_text("")
    assert checksums_file(tmp_path / "Trainer/model/7") == tmp_path / "Trainer/.checksums/model/7.json"
    remove_unfinished(tmp_path, {7, 8})
    assert {name: (tmp_path / name).exists() for name in names} == names
    remove_unfinished(tmp_path / "none", {7})
