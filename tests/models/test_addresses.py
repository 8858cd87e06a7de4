"""Paths and addresses."""

import pytest

from models.addresses import as_in_a_shell, is_address


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
    assert as_in_a_shell("~root/x") == "/root/x"


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
