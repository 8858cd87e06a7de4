"""Which version serves: of folders with stand-ins for the loading, then of a server under load."""

import base64
import os
import shutil
import threading
import time

import httpx
import pytest
from running_server import serving

from components.serving_folder.push import push
from components.serving_folder.storage import link_or_copy
from models.errors import UserError
from pipeline.serving.server.admission import RequestError
from pipeline.serving.server.versions import Versions, parse_labels


class Loaded:
    def __init__(self, number):
        self.number = number


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def add(folder, *numbers, content=b"x"):
    for number in numbers:
        (folder / str(number)).mkdir()
        (folder / str(number) / "saved_model.pb").write_bytes(content)


@pytest.fixture
def loads():
    return []


@pytest.fixture
def watched(folder, loads):
    """Versions of the folder; one whose graph is ``bad`` does not load."""

    def made(**labels):
        def load(number, path):
            loads.append(number)
            if (path / "saved_model.pb").read_bytes() == b"bad":
                raise UserError(f"{path}: bad", "model-damaged")
            return Loaded(number)

        versions = Versions(folder, labels, load)
        versions.refresh()
        return versions

    return made


def states(versions):
    return {number: state for number, state, _ in versions.states()}


def test_the_highest_serves_and_no_other_is_loaded(folder, watched, loads):
    add(folder, 3, 12)
    (folder / ".staging-99").mkdir()
    versions = watched()
    assert (versions.current.number, loads, states(versions)) == (12, [12], {12: "AVAILABLE"})
    with pytest.raises(RequestError, match="Specific\\(3\\)"):
        versions.find("3")


def test_a_new_version_takes_over_and_is_loaded_once(folder, watched, loads):
    add(folder, 3)
    versions = watched()
    add(folder, 4)
    for _ in range(3):
        versions.refresh()
    assert (versions.current.number, loads, states(versions)) == (4, [3, 4], {4: "AVAILABLE"})


def test_a_damaged_version_is_left_aside_until_its_files_change(folder, watched, loads):
    add(folder, 3)
    versions = watched()
    add(folder, 4, content=b"bad")
    for _ in range(3):
        versions.refresh()
    assert (versions.current.number, loads) == (3, [3, 4])
    assert [(number, state) for number, state, _ in versions.states()] == [(4, "END"), (3, "AVAILABLE")]
    assert versions.states("4")[0][2] == f"{folder}/4: bad"
    with pytest.raises(RequestError, match="bad"):
        versions.find("4")
    (folder / "4" / "saved_model.pb").write_bytes(b"fixed")
    versions.refresh()
    assert versions.current.number == 4
    assert states(versions) == {4: "AVAILABLE"}


def test_a_version_that_is_not_as_it_was_pushed_does_not_serve(folder, watched, loads, tmp_path_factory):
    source = tmp_path_factory.mktemp("source")
    pushed = []
    for content in (b"first", b"second"):
        (source / "saved_model.pb").write_bytes(content)
        (source / "weights").write_bytes(content)
        pushed.append(push(source, folder).version)
    good, bad = pushed
    weights = folder / str(bad) / "weights"
    weights.unlink()
    weights.write_bytes(b"sekond")
    versions = watched()
    assert (versions.current.number, loads) == (good, [good])
    assert versions.states(str(bad))[0][2] == f"{folder}/{bad}: the model is damaged: weights is not as it was pushed"
    weights.unlink()
    os.mkfifo(weights)  # which nobody writes to
    versions.refresh()
    assert "weights is missing" in versions.states(str(bad))[0][2]
    weights.unlink()
    weights.write_bytes(b"second")
    versions.refresh()
    assert (versions.current.number, loads) == (bad, [good, bad])


def test_at_the_start_the_highest_good_one_serves(folder, watched):
    add(folder, 1)
    add(folder, 2, content=b"bad")
    assert watched().current.number == 1


def test_the_highest_removed_gives_way_to_the_next(folder, watched):
    add(folder, 1, 2)
    versions = watched()
    shutil.rmtree(folder / "2")
    versions.refresh()
    assert (versions.current.number, states(versions)) == (1, {1: "AVAILABLE"})


def test_what_serves_goes_on_when_the_folder_is_emptied(folder, watched):
    add(folder, 1)
    versions = watched()
    shutil.rmtree(folder)
    versions.refresh()
    assert versions.current.number == 1


def test_labels_keep_versions_loaded(folder, watched):
    add(folder, 1, 2, 3)
    versions = watched(canary=2, gone=9)
    assert states(versions) == {3: "AVAILABLE", 2: "AVAILABLE"}
    assert versions.find(label="canary").number == 2
    assert versions.find(label="stable").number == 3
    for unknown in ("gone", "nobody"):
        with pytest.raises(RequestError) as error:
            versions.find(label=unknown)
        assert error.value.status == 404
    add(folder, 4)
    versions.refresh()
    assert states(versions) == {4: "AVAILABLE", 2: "AVAILABLE"}


def test_stable_may_be_given(folder, watched):
    add(folder, 1, 2)
    assert watched(stable=1).find(label="stable").number == 1


def test_one_saved_model_is_a_version_by_its_name(folder, loads):
    add(folder, 17)
    versions = Versions(folder / "17", {}, lambda number, path: Loaded(number))
    versions.refresh()
    assert versions.current.number == 17


def test_an_empty_folder_has_no_version(folder, watched):
    versions = watched()
    assert versions.empty
    with pytest.raises(RequestError) as error:
        _ = versions.current
    assert error.value.status == 503


def test_labels_are_read():
    assert parse_labels(["canary=3", "old=12"]) == {"canary": 3, "old": 12}
    for wrong in ("canary", "=3", "canary=x", "a/b=3", "=", "canary=-1", "a\nb=1"):
        with pytest.raises(UserError, match="must be LABEL=VERSION"):
            parse_labels([wrong])


@pytest.fixture
def server(exported, tmp_path):
    link_or_copy(exported.path, tmp_path / "1")
    with serving(tmp_path) as found:
        yield found


def eventually(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def publish(source, folder, number):
    """As the Pusher does it: whole, by a rename."""
    shutil.copytree(source, folder / f".staging-{number}")
    (folder / f".staging-{number}").rename(folder / str(number))


@pytest.fixture
def crowd(server, images):
    """Clients that do not stop asking; what they were answered, as (code, version)."""
    answers, stop = [], threading.Event()
    body = {"signature_name": "embed", "instances": [{"b64": base64.b64encode(images[0]).decode()}]}

    def ask():
        with httpx.Client(timeout=30) as client:
            while not stop.is_set():
                answer = client.post(f"{server.url}/v1/models/siamese:predict", json=body)
                answers.append((answer.status_code, int(answer.headers.get("x-model-version", 0))))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    yield answers
    stop.set()
    for thread in threads:
        thread.join()


def test_versions_change_under_load_and_no_request_fails(server, crowd, exported, tmp_path):
    eventually(lambda: crowd)
    publish(exported.path, tmp_path, 2)
    eventually(lambda: server.serving() == 2)
    damaged = tmp_path / ".staging-3"
    shutil.copytree(exported.path, damaged)
    weights = next((damaged / "variables").glob("*.data*"))
    weights.write_bytes(weights.read_bytes()[:-100])
    damaged.rename(tmp_path / "3")
    eventually(lambda: server.client.get("/v1/models/siamese/versions/3").status_code == 200)
    eventually(lambda: server.versions.states("3")[0][1] == "END")
    assert server.serving() == 2
    publish(exported.path, tmp_path, 4)  # a rollback: old bytes, a new highest version
    eventually(lambda: server.serving() == 4)
    shutil.rmtree(tmp_path / "4")
    eventually(lambda: server.serving() == 2)
    seen = len(crowd)
    eventually(lambda: len(crowd) > seen + 20)
    assert {code for code, _ in crowd} == {200}
    assert {version for _, version in crowd} == {1, 2, 4}
    assert crowd[-1][1] == 2


def test_a_version_that_is_copied_bit_by_bit_serves_once_it_is_whole(server, crowd, exported, tmp_path):
    files = [path for path in exported.path.rglob("*") if path.is_file()]
    for path in sorted(files, key=lambda path: (path.name != "saved_model.pb", path.name == "siamese.json")):
        copy, content = tmp_path / "2" / path.relative_to(exported.path), path.read_bytes()
        copy.parent.mkdir(parents=True, exist_ok=True)
        for part in (content[: len(content) // 2], content):
            assert server.serving() == 1
            copy.write_bytes(part)
            time.sleep(0.1)  # in which the folder is looked at
    eventually(lambda: server.serving() == 2)
    assert {code for code, _ in crowd} == {200}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda path: (path / "assets.extra" / "siamese.json").unlink(), "not a model of this pipeline"),
        (lambda path: (path / "saved_model.pb").write_bytes(b""), "TensorFlow cannot load it|Error"),
        (lambda path: shutil.rmtree(path / "variables"), "TensorFlow cannot load it|Error"),
        (
            lambda path: (path / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"rubbish" * 9),
            "cannot be read",
        ),
    ],
    ids=["manifest", "graph", "variables", "warm-up"],
)
def test_damage_is_reported_and_the_old_version_serves(server, exported, tmp_path, change, reason):
    shutil.copytree(exported.path, tmp_path / ".staging-2")
    change(tmp_path / ".staging-2")
    (tmp_path / ".staging-2").rename(tmp_path / "2")
    eventually(lambda: any(number == 2 and state == "END" for number, state, _ in server.versions.states()))
    import re

    status = server.client.get("/v1/models/siamese/versions/2").json()["model_version_status"][0]
    assert (status["state"], status["status"]["error_code"]) == ("END", "UNKNOWN")
    assert re.search(reason, status["status"]["error_message"])
    assert server.serving() == 1
    assert server.client.post("/v1/models/siamese/versions/2:predict", content=b"{}").status_code == 404


def test_a_released_version_is_freed(server, exported, tmp_path):
    import gc
    import weakref

    old = weakref.ref(server.versions.current)
    publish(exported.path, tmp_path, 2)
    eventually(lambda: server.serving() == 2)

    def gone():
        gc.collect()
        return old() is None

    eventually(gone)


def test_the_error_of_the_highest_version_has_its_code(folder, watched):
    assert watched().code() == "model-not-found"
    add(folder, 3, content=b"bad")
    versions = watched()
    assert (versions.code(), versions.errors()) == ("model-damaged", f"{folder}/3: bad")


def test_a_folder_that_cannot_be_read_is_said(folder, watched, monkeypatch):
    def refuse(_):
        raise UserError(f"{folder}: cannot be read", "model-unreadable")

    monkeypatch.setattr("pipeline.serving.server.versions.complete_versions", refuse)
    versions = watched()
    assert (versions.code(), versions.errors()) == ("model-unreadable", f"{folder}: cannot be read")
    monkeypatch.undo()
    versions.refresh()
    assert versions.errors() == ""
