import errno
import os
from pathlib import Path

import pytest

from components.storage.links import link_or_copy, must_copy


def test_files_are_linked_on_one_device_and_a_second_time_is_harmless(tmp_path: Path):
    source = tmp_path / "a" / "x.tfrecord"
    source.parent.mkdir()
    source.write_bytes(b"pixels")
    for _ in range(2):
        assert link_or_copy([str(source)], str(tmp_path / "b" / "c")) == 1
    assert source.samefile(tmp_path / "b" / "c" / "x.tfrecord")
    assert not must_copy(str(source), str(tmp_path / "b"))


def test_files_are_copied_where_no_link_is_possible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    source = tmp_path / "x.tfrecord"
    source.write_bytes(b"pixels")
    assert link_or_copy([str(source)], str(tmp_path / "b")) == 0
    assert (tmp_path / "b" / "x.tfrecord").read_bytes() == b"pixels"
    assert not source.samefile(tmp_path / "b" / "x.tfrecord")


def test_other_failures_are_raised(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        link_or_copy([str(tmp_path / "missing")], str(tmp_path / "b"))
