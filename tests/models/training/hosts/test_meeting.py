"""Hosts that find each other: each a thread here, its training a process; the last of all waits in this thread."""

import json
import threading
import time
from types import SimpleNamespace

import pytest

from models.errors import TrainingFailed, UserError
from models.training.hosts import rendezvous, worker
from models.training.hosts.chief import announced, train_with_workers
from models.training.hosts.cluster import Hosts
from models.training.hosts.process import Ended
from models.training.hosts.rendezvous import ChiefMessage, Publisher, path_of, read
from models.training.hosts.worker import Worker

ADDRESSES = ("a:1", "b:1")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that all hosts see; this process is the first of them."""
    cluster_of(monkeypatch, *ADDRESSES)
    for folder in ("Split-train", "Split-val", "graph"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").touch()
    return tmp_path / "hosts"


def cluster_of(monkeypatch, *addresses):
    task = {"type": "worker", "index": 0}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"worker": addresses}, "task": task}))


def arguments(folder):
    return SimpleNamespace(
        train_files=[str(folder.parent / "Split-train" / "*")],
        eval_files=[str(folder.parent / "Split-val" / "*")],
        transform_output=str(folder.parent / "graph"),
        serving_model_dir=str(folder.parent / "model"),
        model_run_dir=str(folder.parent / "logs"),
        hyperparameters=None,
        custom_config={"hosts": str(folder), "code_digest": "c"},
        data_accessor=object(),  # what JSON does not know is not needed
    )


class Apart(threading.Thread):
    """What a host does, beside the others: what it returned, or what it raised."""

    def __init__(self, call):
        super().__init__(daemon=True)
        self._call, self.raised, self.returned = call, None, None
        self.start()

    def run(self):
        try:
            self.returned = self._call()
        except BaseException as error:  # noqa: BLE001
            self.raised = error

    def ended(self):
        self.join(20)
        assert not self.is_alive()
        return self


class Joining(Apart):
    """Another host; ``waits`` is what it reported to wait for."""

    def __init__(self, folder, number=1, addresses=ADDRESSES, refusal=lambda arguments: None):
        self.waits = []
        self._host = Worker(folder, Hosts(number, addresses), refusal, self.waits.append)
        self._place = folder
        super().__init__(self._take_part)

    def _take_part(self):
        first = self._host.admitted()
        if first.state == "over":
            return first
        with (self._place / f"log-{self._host._here.number}").open("w") as log:
            return self._host.train(first, log)

    def until(self, begins):
        for _ in range(500):
            if self.waits and self.waits[-1].startswith(begins):
                return
            time.sleep(0.02)
        raise AssertionError(self.waits)


def training(folder, run="r1"):
    """The first host's run, of which this is all."""

    def call():
        with announced(folder, run) as ends:
            train_with_workers(arguments(folder))
            ends.append(Ended(0))

    return Apart(call)


WRITES = "open(f'{fn_args.model_run_dir}-{os.getpid()}', 'w').write(str(sorted(fn_args.custom_config)))"


def test_three_hosts_are_called_with_the_same_arguments(folder, run_fn, reported, monkeypatch):
    addresses = (*ADDRESSES, "c:1")
    cluster_of(monkeypatch, *addresses)
    run_fn(WRITES)
    early = Joining(folder, 1, addresses)  # before there is a run
    early.until("waits for a run of the chief")
    first = training(folder)
    early.until("run r1 calls its workers; waits until all 3 are there")
    late = Joining(folder, 2, addresses)
    for host in (first, early, late):
        assert host.ended().raised is None
    assert (early.returned, late.returned) == (Ended(0), Ended(0))
    seen = [path.read_text() for path in folder.parent.glob("logs-*")]
    assert seen == ["['code_digest']"] * 3  # without the folder: each trains by itself
    assert reported()[0] == f"waits for host 1 (b:1), host 2 (c:1); there: siamese join --output {folder.parent}"
    assert reported()[-1] == "all 3 hosts are there"
    assert read(ChiefMessage, path_of(folder, 0)).state == "over"


def test_a_host_that_does_not_come_is_not_waited_for_without_end(folder, run_fn, monkeypatch):
    cluster_of(monkeypatch, *ADDRESSES, "c:1")
    waiting = Joining(folder, 1, (*ADDRESSES, "c:1"))
    given = arguments(folder)
    given.custom_config["model"] = {"training": {"join_minutes": 0.03}}
    with announced(folder, "r1"), pytest.raises(UserError) as raised:
        train_with_workers(given)
    wanted = (
        "host 2 (c:1): has not joined after 0.03 minutes (training.join_minutes); start there: siamese join --output "
    )
    assert str(raised.value) == f"{wanted}{folder.parent}"
    over = waiting.ended().returned
    assert (over.state, over.code, over.reason) == ("over", 2, str(raised.value))


def test_a_run_that_trains_nothing_says_so_to_those_that_wait(folder, run_fn):
    waiting = Joining(folder)
    with announced(folder, "r1") as ends:
        waiting.until("run r1 has begun; waits for its Trainer")
        ends.append(Ended(2, "the folder is empty"))
    over = waiting.ended().returned
    assert (over.state, over.code, over.reason) == ("over", 2, "the folder is empty")


def test_a_run_that_breaks_off_says_so(folder, run_fn):
    waiting = Joining(folder)

    def run():
        with announced(folder, "r1"):
            waiting.until("run r1 has begun")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert waiting.ended().returned.reason == "it was interrupted"


class TestWhatARunOfThePastLeft:
    def left(self, folder, **state):
        folder.mkdir()
        fields = {"nonce": "old", "run": "r0", "addresses": ADDRESSES, "arguments": vars(arguments(folder))}
        fields["arguments"].pop("data_accessor")
        Publisher(path_of(folder, 0), ChiefMessage(**fields, **state)).publish()

    @pytest.mark.parametrize(
        ("state", "expected"),
        [
            ({"state": "over"}, "waits for a run of the chief"),
            ({"state": "preparing"}, "run r0 has begun"),
            ({"state": "calling"}, "run r0 calls its workers; waits for a heartbeat of the chief"),
            (
                {"state": "training", "admitted": {1: "dead"}},
                "run r0 trains without this host, or was interrupted; waits",
            ),
        ],
    )
    def test_is_not_taken_for_a_run(self, folder, run_fn, state, expected):
        self.left(folder, **state)
        refused = []
        waiting = Joining(folder, refusal=lambda arguments: refused.append(arguments) or None)
        waiting.until(expected)
        time.sleep(0.2)
        assert not path_of(folder, 1).exists()
        assert not refused
        run_fn("pass")
        assert training(folder).ended().raised is None
        assert waiting.ended().returned == Ended(0)
        assert len(refused) == 1

    def test_an_answer_of_the_past_is_no_host_that_is_here(self, folder, run_fn, reported):
        folder.mkdir()
        answer = rendezvous.WorkerMessage(nonce="dead", state="here", answers="old")
        run_fn("pass")
        first = training(folder)
        Publisher(path_of(folder, 1), answer).publish()
        time.sleep(0.3)
        assert first.is_alive()
        assert Joining(folder).ended().returned == Ended(0)
        assert first.ended().raised is None

    def test_a_host_that_answered_a_run_which_broke_off_answers_the_next(self, folder, run_fn):
        run_fn("pass")
        self.left(folder, state="calling")
        dead = Publisher(path_of(folder, 0), read(ChiefMessage, path_of(folder, 0)))
        waiting = Joining(folder)
        for _ in range(200):
            dead.beat()
            if path_of(folder, 1).exists():
                break
            time.sleep(0.02)
        assert training(folder).ended().raised is None
        assert waiting.ended().returned == Ended(0)


class TestARefusal:
    def refused(self, folder, **joining):
        first, host = training(folder), Joining(folder, **joining)
        assert host.ended().raised.code == "train-host-refused"
        assert first.ended().raised.code == "train-host-refused"
        assert str(first.raised) == f"host 1 (b:1): {host.raised}"
        return str(host.raised)

    def test_of_other_code(self, folder, run_fn):
        assert self.refused(folder, refusal=lambda arguments: "other code") == "other code"

    def test_of_another_cluster(self, folder, run_fn):
        line = self.refused(folder, addresses=("a:1", "b:2"))
        assert "a:1, b:1; here it is a:1, b:2" in line

    def test_of_files_that_are_not_seen(self, folder, run_fn, monkeypatch):
        monkeypatch.setattr(worker, "_UNSEEN", 0.1)
        (folder.parent / "Split-val" / "file").unlink()
        line = self.refused(folder)
        assert line.startswith(f"{folder.parent}/Split-val/*: ")

    def test_of_a_second_host_with_the_same_number(self, folder, run_fn, monkeypatch):
        addresses = (*ADDRESSES, "c:1")
        cluster_of(monkeypatch, *addresses)
        run_fn("pass")
        several = [Joining(folder, 1, addresses), Joining(folder, 1, addresses)]
        first = training(folder)
        for host in several:
            host.until("run r1 calls its workers; waits until all 3 are there")
        assert Joining(folder, 2, addresses).ended().returned == Ended(0)
        assert first.ended().raised is None
        (refused,) = [host.raised for host in several if host.ended().raised]
        assert refused.code == "train-tf-config"
        assert "host 1" in str(refused)


def test_files_that_come_later_are_waited_for(folder, run_fn):
    run_fn("pass")
    (folder.parent / "Split-val" / "file").unlink()
    host, first = Joining(folder), training(folder)
    host.until(f"run r1 calls its workers; {folder.parent}/Split-val/* is not visible here yet")
    (folder.parent / "Split-val" / "file").touch()
    assert host.ended().returned == Ended(0)
    assert first.ended().raised is None


@pytest.mark.parametrize(("raised", "code"), [("UserError", 2), ("TrainingFailed", 1)])
def test_what_fails_everywhere_ends_everywhere(folder, run_fn, raised, code):
    run_fn(f"raise {raised}('no good', 'train-disk-full')")
    first, host = training(folder), Joining(folder)
    assert type(first.ended().raised).__name__ == raised
    assert "no good" in str(first.raised)
    assert host.ended().returned.code == code
    assert host.returned.reason.startswith("no good")


def test_a_host_that_dies_ends_the_training_of_all(folder, run_fn, monkeypatch):
    monkeypatch.setattr("models.training.hosts.process._LAST_MESSAGE", 1.0)
    monkeypatch.setattr("models.training.hosts.process._LOST", 0.1)
    # The two processes differ by what they find: the first to come marks it, the other dies.
    made = "try:\n    os.mkdir(fn_args.model_run_dir)\nexcept FileExistsError:\n    os.kill(os.getpid(), 9)\n"
    run_fn(f"{made}time.sleep(30)")
    first, host = training(folder), Joining(folder)
    assert isinstance(first.ended().raised, TrainingFailed)
    assert "killed by SIGKILL" in str(first.raised)
    assert host.ended().returned.code == 1
    assert "killed by SIGKILL" in host.returned.reason


def test_a_host_that_gives_no_sign_of_life_ends_the_training(folder, run_fn, monkeypatch):
    monkeypatch.setattr(rendezvous, "SILENCE", 0.5)
    monkeypatch.setattr("models.training.hosts.process._LOST", 0.1)
    run_fn("time.sleep(30)")
    first = training(folder)
    host = Worker(folder, Hosts(1, ADDRESSES), lambda arguments: None, str)
    assert host.admitted().state == "training"  # and that is the last that is heard of it
    assert "host 1 (b:1): sends no heartbeat" in str(first.ended().raised)


def test_ctrl_c_while_the_first_host_waits_is_reported(folder, run_fn, monkeypatch):
    addresses = (*ADDRESSES, "c:1")
    cluster_of(monkeypatch, *addresses)
    waiting, pressed, beat = Joining(folder, 1, addresses), threading.Event(), Publisher.beat

    def unless_pressed(own):
        if pressed.is_set() and own._path == path_of(folder, 0):
            raise KeyboardInterrupt
        beat(own)

    monkeypatch.setattr(Publisher, "beat", unless_pressed)
    first = training(folder)
    waiting.until("run r1 calls its workers; waits until all 3 are there")
    pressed.set()
    assert isinstance(first.ended().raised, KeyboardInterrupt)
    over = waiting.ended().returned
    assert (over.code, over.reason) == (1, "interrupted")


def test_a_host_that_leaves_while_it_waits_is_waited_for_again(folder, run_fn, reported, monkeypatch):
    addresses = (*ADDRESSES, "c:1")
    cluster_of(monkeypatch, *addresses)
    run_fn("pass")
    leaves = Joining(folder, 1, addresses)
    first = training(folder)
    leaves.until("run r1 calls its workers; waits until all 3 are there")
    leaves._host._own.beat = lambda: None  # as it is when its process ends
    leaves._host.leave()
    assert not path_of(folder, 1).exists()
    hosts = [Joining(folder, number, addresses) for number in (1, 2)]
    assert [host.ended().returned for host in hosts] == [Ended(0)] * 2
    assert first.ended().raised is None
    assert leaves.ended().raised.code == "train-tf-config"
