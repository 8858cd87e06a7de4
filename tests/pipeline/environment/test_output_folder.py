"""The output folder: any name works, it is known by a marker, and it is not that of the images."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import tensorflow as tf
from apache_beam.io.filesystems import FileSystems

from models.addresses import by_plain_name, is_plain
from models.errors import UserError
from pipeline.config import load_config
from pipeline.config.configuration import with_absolute_paths
from pipeline.environment.output_folder import (
    check_metadata,
    mark,
    name_to_read,
    own_name,
    plain_name,
    writable,
    written_metadata,
)

NAMES = [
    *("out[1]", "q?r", "a*b", "**", "[!x]", "[", "]", "{a,b}", "{SPAN}", "{0}", "%s", "100%", "\\", "a\\*", "$HOME"),
    *("line\nend", "tab\t", "a b", " ", "~", "#1", "R&D; (x)", "-rf", "--output", "日本 é", "'\"`", "x:y", "a=b,c@d+e"),
]


@pytest.fixture(autouse=True)
def _working_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_libraries_find_the_files_of_a_folder_of_any_name_and_no_others(tmp_path, name):
    (tmp_path / "below").mkdir()
    for sibling in ("out1", "qar", "aXb", "y", "", "a", "b"):  # what the patterns match
        (tmp_path / "below" / sibling / "artifacts").mkdir(parents=True, exist_ok=True)
        (tmp_path / "below" / sibling / "artifacts" / "other").write_text("")
    output = writable(tmp_path / "below" / name)
    (output / "artifacts").mkdir(exist_ok=True)
    (output / "artifacts" / "own").write_text("")
    with plain_name(output) as plain:
        pattern = f"{plain}/artifacts/*"
        found = {one.path for one in FileSystems.match([pattern])[0].metadata_list}
        assert found == set(tf.io.gfile.glob(pattern)) == {f"{plain}/artifacts/own"}
        uri = f"{plain}/artifacts/own"
    assert Path.cwd() == tmp_path
    assert Path(own_name(uri, output)) == output / "artifacts" / "own"
    with by_plain_name(output) as folder:
        for read in (name_to_read(uri, output), f"{folder}/artifacts/own"):
            assert tf.io.gfile.glob(read.replace("own", "*")) == [read]


def test_an_ordinary_name_stays_and_so_does_the_working_folder(tmp_path):
    with plain_name(tmp_path) as plain:
        assert plain == tmp_path
    assert is_plain(Path("output"))
    assert own_name("/elsewhere/x", tmp_path) == "/elsewhere/x"


def test_paths_of_the_configuration_outlive_a_change_of_the_working_folder(tmp_path):
    (tmp_path / "c.yaml").write_text("data: {schema_file: s.pbtxt}\npairs: {protocol: {test: pairs.txt}}\n")
    config = with_absolute_paths(load_config(Path("c.yaml"), data="images"))
    assert config.data.source == str(tmp_path / "images")
    assert config.data.schema_file == str(tmp_path / "s.pbtxt")
    assert config.pairs.protocol.test == str(tmp_path / "pairs.txt")


@pytest.fixture
def store(tmp_path):
    """A metadata store as a run leaves it."""
    with written_metadata(tmp_path), closing(sqlite3.connect(tmp_path / "metadata.sqlite")) as connection:
        connection.execute("create table t (a text)")
        connection.execute("insert into t values ('the address of an artifact')")
        connection.commit()
    check_metadata(tmp_path)
    return tmp_path / "metadata.sqlite"


def test_a_bit_of_the_metadata_store_that_sqlite_takes_for_a_value_counts(tmp_path, store):
    store.write_bytes(store.read_bytes().replace(b"address", b"addrers"))
    with pytest.raises(UserError, match=r"metadata\.sqlite: has changed since the last run") as refused:
        check_metadata(tmp_path)
    assert refused.value.code == "config-damaged-metadata"
    store.rename(tmp_path / "metadata.sqlite.damaged")  # as the message says
    check_metadata(tmp_path)
    with written_metadata(tmp_path):
        store.write_bytes(b"")
    check_metadata(tmp_path)


def test_the_checksum_lies_in_the_output_folder(tmp_path):
    output = tmp_path / "work" / "out"
    output.mkdir(parents=True)
    with written_metadata(output):
        sqlite3.connect(output / "metadata.sqlite").close()
    assert {path.name for path in tmp_path.rglob("*")} == {"work", "out", "metadata.sqlite", ".metadata.checksums.json"}


def test_a_killed_run_leaves_a_metadata_store_without_a_checksum(tmp_path, store):
    killed = written_metadata(tmp_path)
    killed.__enter__()
    store.write_bytes(store.read_bytes().replace(b"address", b"addrers"))
    check_metadata(tmp_path)


def test_the_folder_of_the_images_is_no_output_folder(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    for output in (tmp_path, tmp_path / "link"):
        with pytest.raises(UserError, match="is the folder of the images") as refused:
            mark(output, str(tmp_path))
        assert refused.value.code == "config-output-is-data"
    assert [one.name for one in tmp_path.iterdir()] == ["link"]
    (tmp_path / "out").mkdir()
    mark(tmp_path / "out", str(tmp_path))
    mark(tmp_path / "out", str(tmp_path))
