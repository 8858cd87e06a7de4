"""A serving folder in a real object store: a version is complete or not there, whoever writes, dies or is cut off."""

import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec.config
import pytest
from pushed_models import served_digest, tree, write_model
from s3fs import S3FileSystem
from seaweedfs import FaultyProxy
from seaweedfs.store import IMPATIENT

from components.serving_folder.history import claimed
from components.serving_folder.object_store import ObjectStore
from components.serving_folder.push import Blessing, push, roll_back
from components.serving_folder.serving_folder import (
    FolderFiles,
    fetch_served,
    history,
    open_storage,
    same_as_served,
    served_key,
    versions,
)
from components.serving_folder.storage import file_digests
from models.errors import UserError

pytestmark = pytest.mark.s3

PUSH = """
import sys
from pathlib import Path
from components.serving_folder.push import push
print("ready", flush=True)
sys.stdin.readline()
address, *models = sys.argv[1:]
for model in models:
    print(push(Path(model), address, keep=3).version, flush=True)
"""


class Writer:
    """Another process, which pushes one model after the other once ``go`` is called."""

    def __init__(self, address: str, models: list[Path]) -> None:
        command = [sys.executable, "-c", PUSH, address, *map(str, models)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def go(self) -> None:
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def versions(self) -> list[int]:
        output, _ = self.process.communicate(timeout=120)
        assert self.process.returncode == 0
        return [int(line) for line in output.split()]


@pytest.fixture
def large(tmp_path):
    """Writes models with a file of several blocks, all of one letter."""

    def written(letter: str) -> Path:
        path = tmp_path / "models" / letter
        if not path.exists():
            write_model(path, letter, weights=letter)
            (path / "variables" / "variables.data").write_text(letter * (6 << 20))
        return path

    return written


def assert_all_complete(address: str, models: dict[str, Path]) -> None:
    """Every version that a server would load is one of the models, byte for byte."""
    storage = open_storage(address)
    expected = {letter: file_digests(FolderFiles(path)) for letter, path in models.items()}
    for version in storage.versions():
        with storage.files(version).open("saved_model.pb") as file:
            letter = file.read().decode().removeprefix("graph ")
        assert file_digests(storage.files(version)) == expected[letter], version


def test_pushes_rise_serve_roll_back_and_are_pruned(s3, model, tmp_path):
    assert (versions(s3), served_digest(s3), history(s3).serving) == ([], "none", None)
    results = [push(model(letter), s3, keep=2) for letter in "ABC"]
    assert versions(s3) == [result.version for result in results[1:]]
    assert served_digest(s3) == "C"
    assert same_as_served(model("C"), s3).identical
    assert not push(model("C"), s3, keep=2).pushed

    back = roll_back(s3, reason="a test")
    assert (served_digest(s3), back.restored) == ("B", results[1].version)
    assert versions(s3)[-1] == back.version > results[2].version
    assert fetch_served(s3, tmp_path / "fetched") == back.version
    assert tree(tmp_path / "fetched") == tree(model("B"))
    assert [event.action for event in history(s3).events] == ["push", "push", "push", "prune", "rollback"]
    assert push(model("C"), s3, blessing=Blessing(back.version)).declined
    key = served_key(s3)
    store = S3FileSystem()
    store.pipe_file(f"{s3}/{back.version}/variables/variables.index", b"rot")
    assert served_key(s3) != key
    with pytest.raises(UserError) as caught:
        fetch_served(s3, tmp_path / "damaged")
    assert caught.value.code == "model-damaged"


def test_only_one_of_many_creates_a_record(s3):
    storages = [open_storage(s3) for _ in range(16)]
    records = [b"%d" % number for number in range(16)]
    for name in ("1.json", "2.json", "3.json"):
        with ThreadPoolExecutor(16) as pool:
            created = list(pool.map(ObjectStore.add_record, storages, [name] * 16, records))
        assert created.count(True) == 1
        assert storages[0].records()[name] == records[created.index(True)]


def test_two_processes_at_once_complete_every_version_under_numbers_of_their_own(s3, model):
    models = {letter: model(letter) for letter in "ABCDEFGH"}
    writers = [Writer(s3, [models[letter] for letter in letters]) for letters in ("ABCD", "EFGH")]
    for writer in writers:
        writer.go()
    pushed = [version for writer in writers for version in writer.versions()]
    assert len(set(pushed)) == 8
    assert versions(s3)[-1] == max(pushed)
    assert_all_complete(s3, models)
    assert history(s3).unfinished() == []


def test_a_reader_gets_complete_models_only_while_another_process_pushes_prunes_and_is_killed(s3, large, tmp_path):
    models = {letter: large(letter) for letter in "ABCD"}
    push(models["A"], s3)
    fetched, draws = 0, random.Random(5)
    for number in range(3):
        writer = Writer(s3, [models[letter] for letter in "BCDABCDA"])
        writer.go()
        until = time.monotonic() + draws.uniform(0.4, 1.2)
        while time.monotonic() < until or fetched <= number:
            target = tmp_path / f"fetched-{fetched}"
            before = versions(s3)[-1]
            assert fetch_served(s3, target) >= before
            letter = (target / "saved_model.pb").read_text().removeprefix("graph ")
            assert tree(target) == tree(models[letter])
            fetched += 1
        writer.process.send_signal(signal.SIGKILL)
        writer.process.communicate()
    assert_all_complete(s3, models)
    taken = claimed(open_storage(s3).record_names())
    assert push(large("E"), s3, keep=3).version > max(taken)
    assert served_digest(s3) == "E"


def test_wherever_the_connection_is_cut_the_old_or_the_new_version_serves(seaweedfs, s3, model, monkeypatch):
    push(model("A"), s3)
    with FaultyProxy(seaweedfs.port) as counting:
        through(counting, monkeypatch)
        push(model("B"), s3)
    failed = 0
    for step in range(1, 10):
        monkeypatch.setenv("AWS_ENDPOINT_URL", seaweedfs.endpoint)
        S3FileSystem.clear_instance_cache()
        before = versions(s3)[-1]
        letter = chr(ord("C") + step)
        with FaultyProxy(seaweedfs.port, limit=counting.seen * step // 8) as proxy:
            through(proxy, monkeypatch)
            error = refused(model(letter), s3)
            if error:
                failed += 1
                assert error.code == "model-unreachable"
                assert s3 in str(error)
                assert "what served before still serves" in str(error)
        monkeypatch.setenv("AWS_ENDPOINT_URL", seaweedfs.endpoint)
        S3FileSystem.clear_instance_cache()
        assert versions(s3)[-1] >= before
        assert_all_complete(s3, {one: model(one) for one in map(chr, range(ord("A"), ord("P")))})
    assert failed >= 5
    push(model("Z"), s3)
    assert served_digest(s3) == "Z"


def refused(model: Path, address: str) -> UserError | None:
    """The error of a push that failed."""
    try:
        push(model, address)
    except UserError as error:
        return error
    return None


@pytest.mark.parametrize("act", ["push", "read"])
def test_a_store_that_stops_answering_is_given_up(seaweedfs, s3, model, monkeypatch, tmp_path, act):
    push(model("A"), s3)
    with FaultyProxy(seaweedfs.port) as proxy:
        through(proxy, monkeypatch)
        assert served_digest(s3) == "A"
        proxy.fail("stall")
        begun = time.monotonic()
        with pytest.raises(UserError) as caught:
            push(model("B"), s3) if act == "push" else fetch_served(s3, tmp_path / "fetched")
        assert time.monotonic() - begun < 60
    assert (caught.value.code, proxy.endpoint in str(caught.value)) == ("model-unreachable", True)


def through(proxy: FaultyProxy, monkeypatch) -> None:
    """Sends what this process asks of the store through a proxy, and waits for it less long."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
    monkeypatch.setitem(fsspec.config.conf, "s3", IMPATIENT)
    S3FileSystem.clear_instance_cache()


def test_a_store_that_stops_answering_within_a_push_is_given_up(seaweedfs, s3, model, monkeypatch):
    with FaultyProxy(seaweedfs.port) as counting:
        through(counting, monkeypatch)
        push(model("A"), f"{s3}/first")
    begun = time.monotonic()
    with FaultyProxy(seaweedfs.port, limit=counting.seen // 2, way="stall") as proxy:
        through(proxy, monkeypatch)
        with pytest.raises(UserError) as caught:
            push(model("B"), f"{s3}/second")
    assert time.monotonic() - begun < 60
    assert caught.value.code == "model-unreachable"
    monkeypatch.setenv("AWS_ENDPOINT_URL", seaweedfs.endpoint)
    S3FileSystem.clear_instance_cache()
    assert versions(f"{s3}/second") == []
