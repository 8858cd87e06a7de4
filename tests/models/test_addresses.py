"""Paths and addresses."""

import os
import pwd
import shutil
from pathlib import Path

import pytest

from components.image_example_gen.image_records import check_space
from components.run_report.source_images import folder_of
from components.storage.folders import read_file
from models.addresses import as_in_a_shell, is_address
from models.errors import UserError
from models.training.hosts import worker


@pytest.mark.parametrize("text", ["gs://bucket/a", "s3://b", "https://x/y?z", "my-store+1://x"])
def test_an_address_begins_with_a_scheme(text):
    assert is_address(text)


@pytest.mark.parametrize("text", ["/data/x://y", "./x://y", "://y", "a b://c", "C:/x", "", "1://x", "photos"])
def test_everything_else_is_a_path(text):
    assert not is_address(text)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for name in ("$out", "a$B", "~nobody-here"):
        (tmp_path / name).mkdir()
    return tmp_path / "home"


def test_the_home_folder_is_what_a_shell_makes_of_it(home):
    assert as_in_a_shell("~") == str(home)
    assert as_in_a_shell("~/a b/~") == f"{home}/a b/~"
    user = pwd.getpwuid(os.getuid())
    assert as_in_a_shell(f"~{user.pw_name}/x") == f"{user.pw_dir}/x"


@pytest.mark.parametrize(
    "text", ["./~/x", "a~", "x/~/y", "$out/new", "a$B", "~nobody-here/x", "$1", "a$", "gs://b/~x", "{SPAN}", "cost$/5"]
)
def test_other_paths_and_folders_that_there_are_stay(home, text):
    assert as_in_a_shell(text) == text


@pytest.mark.parametrize(
    "text", ["$HOME/x", "${HOME}/x", "data/$user-1", "~no-such-user/x", "gs://b/$STAGE/x", "s3://${B}", "~/x/$Y"]
)
def test_what_only_a_shell_replaces_makes_no_folder(home, text):
    with pytest.raises(ValueError, match="is replaced by a shell only"):
        as_in_a_shell(text)


@pytest.fixture
def odd(tmp_path):
    """A folder whose name, written with a second slash, holds ``://``."""
    (tmp_path / "x:/y").mkdir(parents=True)
    return f"{tmp_path}/x://y"


def test_a_path_that_holds_the_characters_further_on_is_a_path_everywhere(odd, monkeypatch):
    Path(odd, "list.csv").write_text("text")
    assert read_file(f"{odd}/list.csv") == b"text"
    assert folder_of(f"{odd}/list.csv") == folder_of(odd) == folder_of(f"file://{odd}") == Path(odd)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0))
    with pytest.raises(UserError, match="0\\.0 GB free"):
        check_space(odd, 1)


def test_the_rule_is_in_one_place():
    urls = {  # what is one in any case: with a scheme, or without
        "models/proxies.py",
        "pipeline/serving/server/process.py",
    }
    root = Path(__file__).parents[2]
    files = [file for room in ("components", "models", "pipeline") for file in (root / room).rglob("*.py")]
    raw = {str(file.relative_to(root)) for file in files if '"://" ' in file.read_text("utf-8")}
    assert len(files) > 200
    assert raw == urls


@pytest.mark.parametrize("name", ["[1]", "a?b", "*", "{a,b}", "plain"])
def test_a_name_is_no_pattern_where_it_is_a_file(tmp_path, name):
    visible = worker._is_visible
    assert not visible(tmp_path / name)
    (tmp_path / name).mkdir()
    assert visible(tmp_path / name)
    assert visible(tmp_path / "*")  # the shards of a split
    assert not visible(tmp_path / name / "*")
