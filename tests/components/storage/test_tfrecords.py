import errno
import gzip
import os
from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from components.storage.example_encoding import encode_example
from components.storage.tfrecords import (
    create_records,
    find_shards,
    link_or_copy,
    must_copy,
    open_records,
    read_record,
    read_records,
    write_record,
)
from models.errors import UserError


@given(
    st.dictionaries(st.text(max_size=200), st.binary(max_size=400) | st.integers(0, 2**63 - 1), min_size=1, max_size=12)
)
def test_the_bytes_are_those_of_protobuf(values):
    all_features = tf.train.Example()
    for key, value in values.items():
        single = tf.train.Example()
        for example in (single, all_features):
            feature = example.features.feature[key]
            (feature.bytes_list if isinstance(value, bytes) else feature.int64_list).value.append(value)
        assert encode_example({key: value}) == single.SerializeToString(deterministic=True)
    # Of several features protobuf's versions differ in the order; ours is that of the keys, whatever the version.
    assert tf.train.Example.FromString(encode_example(values)) == all_features
    assert encode_example(values) == encode_example(dict(reversed(values.items())))


def test_tensorflow_reads_what_is_written_and_offsets_lead_back(tmp_path: Path):
    path = str(tmp_path / "a.tfrecord")
    records = [b"", b"x" * 300, bytes(range(256))]
    with create_records(path) as file:
        for record in records:
            write_record(file, record)
    assert list(tf.data.TFRecordDataset(path).as_numpy_iterator()) == records
    with open_records(path) as file:
        for offset, record in reversed(list(read_records(path))):
            assert read_record(file, offset, path) == record


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-3], "cut off"),
        (lambda data: data + b"abc", "cut off at byte 26"),
        (lambda data: b"\x07" + data[1:], "no TFRecord at byte 0"),
        (lambda data: data[:14] + b"!" + data[15:], "record at byte 0 is damaged"),
    ],
)
def test_damage_is_named(tmp_path: Path, change, message):
    path = tmp_path / "a.tfrecord"
    with create_records(str(path)) as file:
        write_record(file, b"0123456789")
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=f"a.tfrecord.*{message}"):
        list(read_records(str(path)))


@pytest.mark.parametrize("name", ["a.tfrecord.gz", "a.tfrecord"])
def test_gzip_is_refused_by_name_and_by_content(tmp_path: Path, name):
    (tmp_path / name).write_bytes(gzip.compress(b"records"))
    with pytest.raises(UserError, match=name) as caught:
        find_shards(str(tmp_path))
    assert caught.value.code == "data-records-compressed"


def test_a_folder_without_shards_is_named(tmp_path: Path):
    with pytest.raises(UserError, match=str(tmp_path)) as caught:
        find_shards(str(tmp_path))
    assert caught.value.code == "data-no-records"


def test_a_record_whose_length_looks_like_gzip_is_read(tmp_path: Path):
    path = str(tmp_path / "a.tfrecord")
    with create_records(path) as file:
        write_record(file, bytes(0x8B1F))
    assert Path(path).read_bytes()[:2] == gzip.compress(b"")[:2]
    assert find_shards(str(tmp_path)) == [path]


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
