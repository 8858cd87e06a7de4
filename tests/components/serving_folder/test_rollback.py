"""A rollback publishes old bytes under a new, highest version, in a folder and in a store."""

import fsspec
import pytest

from components.serving_folder.model_files import file_digests
from components.serving_folder.rollback import roll_back
from components.serving_folder.serving_folder import (
    FolderFiles,
    digest,
    history,
    open_place,
    push,
    served_digest,
    versions,
)
from models.errors import UserError


@pytest.fixture(params=["folder", "store"])
def serving(request, tmp_path, store):
    return str(tmp_path / "serving") if request.param == "folder" else store


@pytest.fixture
def three(serving, model):
    """A, B and C were pushed; their versions."""
    return [push(model(letter), serving).version for letter in "ABC"]


def spoil(serving: str, version: int) -> None:
    address = f"{serving}/{version}/variables/variables.index"
    fs, path = fsspec.core.url_to_fs(address)
    fs.pipe_file(path, b"rot")


def test_it_goes_back_one_and_then_one_more(serving, model, three):
    first = roll_back(serving, reason="twins", by="ann", run_id="r1")
    second = roll_back(serving)

    assert (first.restored, first.replaced) == (three[1], three[2])
    assert (second.restored, second.replaced) == (three[0], first.version)
    assert three[2] < first.version < second.version
    assert versions(serving) == [*three, first.version, second.version]
    assert served_digest(serving) == "A"
    assert file_digests(open_place(serving).files(second.version)) == file_digests(FolderFiles(model("A")))
    event = history(serving).arrival(first.version)
    assert (event.action, event.reason, event.by, event.run_id) == ("rollback", "twins", "ann", "r1")
    assert (event.restored, event.replaced, event.model_digest) == (three[1], three[2], digest(model("B")))


def test_there_is_an_end_to_it(serving, three):
    roll_back(serving)
    current = roll_back(serving).version
    with pytest.raises(UserError, match=f"no other model served before version {current} .* say --to with one of"):
        roll_back(serving)


def test_a_push_after_a_rollback_comes_back_to_it(serving, model, three):
    roll_back(serving)
    push(model("D"), serving)
    roll_back(serving)
    assert served_digest(serving) == "B"


def test_to_any_version(serving, three):
    roll_back(serving, to=three[0])
    assert served_digest(serving) == "A"
    roll_back(serving, to=three[2])
    assert served_digest(serving) == "C"


def test_what_makes_no_sense_is_one_line_and_changes_nothing(serving, three):
    again = roll_back(serving).version  # B
    before = versions(serving)
    for to, line in (
        (7, f"7: there is no such version; there are {three[0]}, {three[1]}, {three[2]}, {again} (serves)"),
        (again, f"{again}: this version serves already; nothing was done"),
        (three[1], f"{three[1]}: the very model that serves, as version {again}; nothing was done"),
    ):
        with pytest.raises(UserError) as raised:
            roll_back(serving, to=to)
        assert str(raised.value) == f"{serving}/{line}"
    assert versions(serving) == before


def test_a_damaged_version_is_refused(serving, three):
    spoil(serving, three[1])
    with pytest.raises(UserError, match=r"damaged: variables/variables\.index is not as it was pushed"):
        roll_back(serving)
    assert served_digest(serving) == "C"


def test_from_a_damaged_version_to_a_whole_one_of_the_same_model(serving, three):
    again = roll_back(serving, to=three[0]).version
    spoil(serving, again)

    roll_back(serving, to=three[0])

    assert history(serving).serving > again
    assert open_place(serving).versions()[-1] > again


def test_nothing_serves(serving):
    with pytest.raises(UserError, match="no version serves there; there is nothing to roll back"):
        roll_back(serving)


def test_a_folder_from_before_there_was_a_history(tmp_path, model):
    (tmp_path / "serving").mkdir()
    for version, letter in (("10", "A"), ("20", "B")):
        model(letter).rename(tmp_path / "serving" / version)

    done = roll_back(tmp_path / "serving")

    assert (done.restored, done.replaced) == (10, 20)
    events = history(tmp_path / "serving").events
    assert [(event.action, event.version) for event in events] == [
        ("found", 10),
        ("found", 20),
        ("rollback", done.version),
    ]
    assert events[0].files, "from now on damage is told"
