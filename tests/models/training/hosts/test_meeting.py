"""Hosts that find each other: each a thread here, its training a process; the last of all waits in this thread."""

import json
import threading
import time
from types import SimpleNamespace

import pytest

from models.errors import TrainingFailed, UserError
from models.training.hosts import chief, rendezvous, worker
from models.training.hosts.chief import announced, train_together
from models.training.hosts.cluster import Hosts
from models.training.hosts.process import Ended
from models.training.hosts.rendezvous import FirstNotice, Own, path_of, read
from models.training.hosts.worker import OtherHost

ADDRESSES = ("a:1", "b:1")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder that all hosts see; this process is the first of them."""
    cluster_of(monkeypatch, *ADDRESSES)
    for folder in ("Split-train", "Split-val", "graph"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").touch()
    return tmp_path / "hosts"


def cluster_of(monkeypatch, *addresses):
    task = {"type": "worker", "index": 0}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"worker": addresses}, "task": task}))


def arguments(place):
    return SimpleNamespace(
        train_files=[str(place.parent / "Split-train" / "*")],
        eval_files=[str(place.parent / "Split-val" / "*")],
        transform_output=str(place.parent / "graph"),
        serving_model_dir=str(place.parent / "model"),
        model_run_dir=str(place.parent / "logs"),
        hyperparameters=None,
        custom_config={"hosts": str(place), "code_digest": "c"},
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
    """Another host; ``said`` is what it waits for."""

    def __init__(self, place, number=1, addresses=ADDRESSES, refusal=lambda arguments: None):
        self.said = []
        self._host = OtherHost(place, Hosts(number, addresses), refusal, self.said.append)
        self._place = place
        super().__init__(self._take_part)

    def _take_part(self):
        first = self._host.admitted()
        if first.state == "over":
            return first
        with (self._place / f"log-{self._host._here.number}").open("w") as log:
            return self._host.train(first, log)

    def until(self, begins):
        for _ in range(500):
            if self.said and self.said[-1].startswith(begins):
                return
            time.sleep(0.02)
        raise AssertionError(self.said)


def training(place, run="r1"):
    """The first host's run, of which this is all."""

    def call():
        with announced(place, run) as ends:
            train_together(arguments(place))
            ends.append(Ended(0))

    return Apart(call)


WRITES = "open(f'{fn_args.model_run_dir}-{os.getpid()}', 'w').write(str(sorted(fn_args.custom_config)))"


def test_three_hosts_are_called_with_the_same_arguments(place, run_fn, told, monkeypatch):
    addresses = (*ADDRESSES, "c:1")
    cluster_of(monkeypatch, *addresses)
    run_fn(WRITES)
    early = Joining(place, 1, addresses)  # before there is a run
    early.until("waits for a run of the first host")
    first = training(place)
    early.until("run r1 calls its hosts; waits until all 3 are there")
    late = Joining(place, 2, addresses)
    for host in (first, early, late):
        assert host.ended().raised is None
    assert (early.returned, late.returned) == (Ended(0), Ended(0))
    seen = [path.read_text() for path in place.parent.glob("logs-*")]
    assert seen == ["['code_digest']"] * 3  # without the folder: each trains by itself
    assert told()[0] == f"waits for host 1 (b:1), host 2 (c:1); there: siamese join --output {place.parent}"
    assert told()[-1] == "all 3 hosts are there"
    assert read(FirstNotice, path_of(place, 0)).state == "over"


def test_a_host_that_does_not_come_is_not_waited_for_without_end(place, run_fn, monkeypatch):
    cluster_of(monkeypatch, *ADDRESSES, "c:1")
    waiting = Joining(place, 1, (*ADDRESSES, "c:1"))
    given = arguments(place)
    given.custom_config["model"] = {"training": {"join_minutes": 0.03}}
    with announced(place, "r1"), pytest.raises(UserError) as raised:
        train_together(given)
    wanted = "host 2 (c:1): not there after 0.03 minutes (training.join_minutes); start there: siamese join --output "
    assert str(raised.value) == f"{wanted}{place.parent}"
    over = waiting.ended().returned
    assert (over.state, over.code, over.reason) == ("over", 2, str(raised.value))


def test_a_run_that_trains_nothing_says_so_to_those_that_wait(place, run_fn):
    waiting = Joining(place)
    with announced(place, "r1") as ends:
        waiting.until("run r1 has begun; waits for its Trainer")
        ends.append(Ended(2, "the folder is empty"))
    over = waiting.ended().returned
    assert (over.state, over.code, over.reason) == ("over", 2, "the folder is empty")


def test_a_run_that_breaks_off_says_so(place, run_fn):
    waiting = Joining(place)

    def run():
        with announced(place, "r1"):
            waiting.until("run r1 has begun")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert waiting.ended().returned.reason == "it broke off"


class TestWhatARunOfThePastLeft:
    def left(self, place, **state):
        place.mkdir()
        fields = {"nonce": "old", "run": "r0", "addresses": ADDRESSES, "arguments": vars(arguments(place))}
        fields["arguments"].pop("data_accessor")
        Own(path_of(place, 0), FirstNotice(**fields, **state)).tell()

    @pytest.mark.parametrize(
        ("state", "said"),
        [
            ({"state": "over"}, "waits for a run of the first host"),
            ({"state": "preparing"}, "run r0 has begun"),
            ({"state": "calling"}, "run r0 calls its hosts; waits for a sign of life of the first one"),
            ({"state": "training", "admitted": {1: "dead"}}, "run r0 trains without this host, or broke off; waits"),
        ],
    )
    def test_is_not_taken_for_a_run(self, place, run_fn, state, said):
        self.left(place, **state)
        refused = []
        waiting = Joining(place, refusal=lambda arguments: refused.append(arguments) or None)
        waiting.until(said)
        time.sleep(0.2)
        assert not path_of(place, 1).exists()
        assert not refused
        run_fn("pass")
        assert training(place).ended().raised is None
        assert waiting.ended().returned == Ended(0)
        assert len(refused) == 1

    def test_an_answer_of_the_past_is_no_host_that_is_here(self, place, run_fn, told):
        place.mkdir()
        answer = rendezvous.HostNotice(nonce="dead", state="here", answers="old")
        run_fn("pass")
        first = training(place)
        Own(path_of(place, 1), answer).tell()
        time.sleep(0.3)
        assert first.is_alive()
        assert Joining(place).ended().returned == Ended(0)
        assert first.ended().raised is None

    def test_a_host_that_answered_a_run_which_broke_off_answers_the_next(self, place, run_fn):
        run_fn("pass")
        self.left(place, state="calling")
        dead = Own(path_of(place, 0), read(FirstNotice, path_of(place, 0)))
        waiting = Joining(place)
        for _ in range(200):
            dead.beat()
            if path_of(place, 1).exists():
                break
            time.sleep(0.02)
        assert training(place).ended().raised is None
        assert waiting.ended().returned == Ended(0)


class TestARefusal:
    def refused(self, place, **joining):
        first, host = training(place), Joining(place, **joining)
        assert isinstance(host.ended().raised, UserError)
        assert isinstance(first.ended().raised, UserError)
        assert str(first.raised) == f"host 1 (b:1): {host.raised}"
        return str(host.raised)

    def test_of_other_code(self, place, run_fn):
        assert self.refused(place, refusal=lambda arguments: "other code") == "other code"

    def test_of_another_cluster(self, place, run_fn):
        line = self.refused(place, addresses=("a:1", "b:2"))
        assert line == "TF_CONFIG: the first host's cluster is a:1, b:1; here it is a:1, b:2"

    def test_of_files_that_are_not_seen(self, place, run_fn, monkeypatch):
        monkeypatch.setattr(worker, "_UNSEEN", 0.1)
        (place.parent / "Split-val" / "file").unlink()
        line = self.refused(place)
        assert line == (
            f"{place.parent}/Split-val/*: is not seen from here; let all hosts see --output under one and the same path"
        )

    def test_of_a_second_host_with_the_same_number(self, place, run_fn, monkeypatch):
        addresses = (*ADDRESSES, "c:1")
        cluster_of(monkeypatch, *addresses)
        run_fn("pass")
        several = [Joining(place, 1, addresses), Joining(place, 1, addresses)]
        first = training(place)
        for host in several:
            host.until("run r1 calls its hosts; waits until all 3 are there")
        assert Joining(place, 2, addresses).ended().returned == Ended(0)
        assert first.ended().raised is None
        (refused,) = [host.raised for host in several if host.ended().raised]
        assert "another process has joined as host 1; give each its own index" in str(refused)


def test_files_that_come_later_are_waited_for(place, run_fn):
    run_fn("pass")
    (place.parent / "Split-val" / "file").unlink()
    host, first = Joining(place), training(place)
    host.until(f"run r1 calls its hosts; {place.parent}/Split-val/* is not seen from here yet")
    (place.parent / "Split-val" / "file").touch()
    assert host.ended().returned == Ended(0)
    assert first.ended().raised is None


@pytest.mark.parametrize(("raised", "code"), [("UserError", 2), ("TrainingFailed", 1)])
def test_what_fails_everywhere_ends_everywhere(place, run_fn, raised, code):
    run_fn(f"raise {raised}('no good')")
    first, host = training(place), Joining(place)
    assert type(first.ended().raised).__name__ == raised
    assert "no good" in str(first.raised)
    assert host.ended().returned.code == code
    assert host.returned.reason.startswith("no good")


def test_a_host_that_dies_ends_the_training_of_all(place, run_fn, monkeypatch):
    monkeypatch.setattr(chief, "_AFTERTHOUGHT", 1.0)
    monkeypatch.setattr("models.training.hosts.process._LOST", 0.1)
    # The two processes differ by what they find: the first to come marks it, the other dies.
    made = "try:\n    os.mkdir(fn_args.model_run_dir)\nexcept FileExistsError:\n    os.kill(os.getpid(), 9)\n"
    run_fn(f"{made}time.sleep(30)")
    first, host = training(place), Joining(place)
    assert isinstance(first.ended().raised, TrainingFailed)
    assert "killed by SIGKILL" in str(first.raised)
    assert host.ended().returned.code == 1
    assert "killed by SIGKILL" in host.returned.reason


def test_a_host_that_gives_no_sign_of_life_ends_the_training(place, run_fn, monkeypatch):
    monkeypatch.setattr(rendezvous, "SILENCE", 0.5)
    monkeypatch.setattr("models.training.hosts.process._LOST", 0.1)
    run_fn("time.sleep(30)")
    first = training(place)
    host = OtherHost(place, Hosts(1, ADDRESSES), lambda arguments: None, str)
    assert host.admitted().state == "training"  # and that is the last that is heard of it
    assert "host 1 (b:1): gives no sign of life" in str(first.ended().raised)


def test_ctrl_c_while_the_first_host_waits_is_told(place, run_fn, monkeypatch):
    addresses = (*ADDRESSES, "c:1")
    cluster_of(monkeypatch, *addresses)
    waiting, pressed, beat = Joining(place, 1, addresses), threading.Event(), Own.beat

    def unless_pressed(own):
        if pressed.is_set() and own._path == path_of(place, 0):
            raise KeyboardInterrupt
        beat(own)

    monkeypatch.setattr(Own, "beat", unless_pressed)
    first = training(place)
    waiting.until("run r1 calls its hosts; waits until all 3 are there")
    pressed.set()
    assert isinstance(first.ended().raised, KeyboardInterrupt)
    over = waiting.ended().returned
    assert (over.code, over.reason) == (1, "stopped there")


def test_a_host_that_leaves_while_it_waits_is_waited_for_again(place, run_fn, told, monkeypatch):
    addresses = (*ADDRESSES, "c:1")
    cluster_of(monkeypatch, *addresses)
    run_fn("pass")
    leaves = Joining(place, 1, addresses)
    first = training(place)
    leaves.until("run r1 calls its hosts; waits until all 3 are there")
    leaves._host._own.beat = lambda: None  # as it is when its process ends
    leaves._host.leave()
    assert not path_of(place, 1).exists()
    hosts = [Joining(place, number, addresses) for number in (1, 2)]
    assert [host.ended().returned for host in hosts] == [Ended(0)] * 2
    assert first.ended().raised is None
    assert "another process has joined as host 1" in str(leaves.ended().raised)
