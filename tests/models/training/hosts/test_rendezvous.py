import threading
from types import SimpleNamespace

import pytest

from models.training.hosts import rendezvous
from models.training.hosts.rendezvous import ChiefMessage, Heartbeat, Publisher, WorkerMessage, path_of, read

FIRST = ChiefMessage(nonce="n", state="preparing", run="r", addresses=("a:1", "b:1"))
OTHER = WorkerMessage(nonce="m", state="here", answers="n")


def test_a_message_is_read_as_it_was_published(tmp_path):
    own = Publisher(path_of(tmp_path, 0), FIRST)
    own.publish(state="training", arguments={"train_files": ["x"]}, admitted={1: "m"})
    found = read(ChiefMessage, path_of(tmp_path, 0))
    assert (found.state, found.run, found.addresses) == ("training", "r", ("a:1", "b:1"))
    assert (found.arguments, found.admitted) == ({"train_files": ["x"]}, {1: "m"})
    own.beat()
    assert read(ChiefMessage, path_of(tmp_path, 0)).beat == found.beat + 1


def test_a_reader_never_finds_half_of_one(tmp_path):
    path, done = path_of(tmp_path, 1), threading.Event()
    own = Publisher(path, OTHER)
    own.publish()

    def write():
        for number in range(150):
            own.publish(reason=str(number % 10) * (1 + number % 7) * 4_000)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = 0
    while not done.is_set():
        message = read(WorkerMessage, path)
        assert message is not None
        assert len(set(message.reason)) <= 1
        seen += 1
    writer.join()
    assert seen > 3
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("text", [None, "", '{"nonce": "n", "sta', "[]", '{"nonce": "n", "state": "later"}', "\0\xff"])
def test_what_is_no_message_is_none(tmp_path, text):
    if text is not None:
        path_of(tmp_path, 0).write_text(text, encoding="latin-1")
    assert read(ChiefMessage, path_of(tmp_path, 0)) is None


def test_a_message_is_withdrawn_unless_another_process_has_written_its_own(tmp_path):
    path = path_of(tmp_path, 1)
    own, other = Publisher(path, OTHER), Publisher(path, OTHER.model_copy(update={"nonce": "k"}))
    own.publish()
    other.publish()
    own.withdraw()
    assert read(WorkerMessage, path).nonce == "k"
    other.withdraw()
    other.withdraw()
    assert not path.exists()


def test_the_end_of_a_host_stays_for_others_to_read(tmp_path):
    own = Publisher(path_of(tmp_path, 1), OTHER)
    own.publish(state="over", code=2, reason="other code")
    own.withdraw()
    assert read(WorkerMessage, path_of(tmp_path, 1)).reason == "other code"


def test_a_missed_beat_is_no_failure(tmp_path):
    Publisher(tmp_path / "gone" / "first.json", FIRST).beat()


class TestPulse:
    def test_a_file_that_merely_lies_there_does_not_beat(self):
        pulse = Heartbeat()
        for _ in range(3):
            pulse.observe(FIRST)
            assert not pulse.beats

    def test_one_that_changes_does(self):
        pulse = Heartbeat()
        for beat in range(3):
            pulse.observe(FIRST.model_copy(update={"beat": beat}))
        assert pulse.beats
        pulse.observe(FIRST.model_copy(update={"beat": 2}))
        assert pulse.beats

    def test_another_process_in_its_place_is_no_beat(self):
        pulse = Heartbeat()
        pulse.observe(FIRST)
        pulse.observe(FIRST.model_copy(update={"nonce": "k", "beat": 9}))
        assert not pulse.beats

    def test_silence(self, monkeypatch):
        now = [0.0]
        monkeypatch.setattr(rendezvous, "time", SimpleNamespace(monotonic=lambda: now[0]))
        pulse = Heartbeat()
        pulse.observe(FIRST)
        now[0] = rendezvous.SILENCE - 1
        pulse.observe(FIRST)
        assert not pulse.silent
        now[0] += 2
        assert pulse.silent
        pulse.observe(FIRST.model_copy(update={"beat": 1}))
        assert not pulse.silent
