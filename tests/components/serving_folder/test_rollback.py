"""A rollback publishes old bytes under a new, highest version, in a folder and in an object store."""

import fsspec
import pytest
from pushed_models import served_digest

from components.serving_folder.push import push, roll_back
from components.serving_folder.serving_folder import FolderFiles, digest, history, open_storage, versions
from components.serving_folder.storage import file_digests
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
    assert file_digests(open_storage(serving).files(second.version)) == file_digests(FolderFiles(model("A")))
    event = history(serving).added(first.version)
    assert (event.action, event.reason, event.by, event.run_id) == ("rollback", "twins", "ann", "r1")
    assert (event.restored, event.replaced, event.model_digest) == (three[1], three[2], digest(model("B")))


def test_there_is_an_end_to_it(serving, three):
    roll_back(serving)
    current = roll_back(serving).version
    with pytest.raises(UserError, match=f"before version {current} .* --to") as error:
        roll_back(serving)
    assert error.value.code == "model-no-earlier-version"


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


def test_an_impossible_version_is_an_error_and_changes_nothing(serving, three):
    again = roll_back(serving).version  # B
    before = versions(serving)
    for to, code, fact in (
        (7, "model-unknown-version", f"{three[0]}, {three[1]}, {three[2]}, {again} (serves)"),
        (again, "model-already-serves", "serves already"),
        (three[1], "model-already-serves", f"version {again}"),
    ):
        with pytest.raises(UserError) as error:
            roll_back(serving, to=to)
        assert error.value.code == code
        assert str(error.value).startswith(f"{serving}/{to}: ")
        assert fact in str(error.value)
    assert versions(serving) == before


def test_a_damaged_version_is_refused(serving, three):
    spoil(serving, three[1])
    with pytest.raises(UserError, match=r"variables/variables\.index") as error:
        roll_back(serving)
    assert error.value.code == "model-damaged"
    assert served_digest(serving) == "C"


def test_from_a_damaged_version_to_a_whole_one_of_the_same_model(serving, three):
    again = roll_back(serving, to=three[0]).version
    spoil(serving, again)

    roll_back(serving, to=three[0])

    assert history(serving).serving > again
    assert open_storage(serving).versions()[-1] > again


def test_nothing_serves(serving):
    with pytest.raises(UserError) as error:
        roll_back(serving)
    assert error.value.code == "model-nothing-served"


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
    assert events[0].files, "from now on damage is detected"
