import json
import re
import sys
import threading
import time

import pytest

from components.run_outcome.summary import RunSummary
from models.code_digest import code_digest
from models.errors import UserError
from models.settings import ModelSettings
from models.training.hosts.rendezvous import ChiefMessage, Publisher, path_of, read
from pipeline.config import load_config
from pipeline.runners.local import hosts
from pipeline.runners.local import run as run_module
from pipeline.runners.local.hosts import join, rendezvous_folder
from pipeline.runners.local.run import run

ADDRESSES = ("a:1", "b:1")


@pytest.fixture
def siamese(command_line):
    return command_line


@pytest.fixture
def as_host(monkeypatch):
    def becomes(number, *addresses):
        task = {"type": "worker", "index": number}
        cluster = {"worker": addresses or ADDRESSES}
        monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))

    return becomes


@pytest.fixture
def data(tmp_path):
    (tmp_path / "data" / "someone").mkdir(parents=True)
    (tmp_path / "data" / "someone" / "1.png").write_bytes(b"x")
    return f"data.source={tmp_path / 'data'}"


def one_line(answer) -> str:
    code, out, err = answer
    assert (code, out) == (2, "")
    assert re.fullmatch(r"error: [^\n]+\n", err), err
    return err.removeprefix("error: ").rstrip("\n")


def code_of(answer) -> str:
    return one_line(answer).rpartition("[")[2].rstrip("]")


class TestWhoMayCallWhat:
    def test_join_without_several_hosts(self, siamese, as_host, monkeypatch, tmp_path):
        monkeypatch.delenv("TF_CONFIG", raising=False)
        assert code_of(siamese("join", "--output", tmp_path)) == "train-hosts"
        as_host(0, "a:1")
        assert code_of(siamese("join", "--output", tmp_path)) == "train-hosts"

    def test_join_on_the_chief(self, siamese, as_host, tmp_path):
        as_host(0)
        answer = siamese("join", "--output", tmp_path)
        assert code_of(answer) == "train-hosts"
        assert f"siamese run --output {tmp_path}" in one_line(answer)

    def test_join_with_what_is_no_cluster(self, siamese, monkeypatch, tmp_path):
        monkeypatch.setenv("TF_CONFIG", "worker 1")
        assert one_line(siamese("join", "--output", tmp_path)).startswith("TF_CONFIG: must be JSON such as")

    def test_join_on_what_is_no_folder(self, siamese, as_host, tmp_path):
        as_host(1)
        (tmp_path / "file").touch()
        assert "cannot be created" in one_line(siamese("join", "--output", tmp_path / "file"))

    def test_join_says_where(self, siamese, as_host):
        as_host(1)
        code, _, err = siamese("join")
        assert code == 2
        assert "--output" in err

    def test_run_on_a_worker(self, siamese, as_host, tmp_path, data):
        as_host(1)
        answer = siamese("run", "--set", data, "--output", tmp_path / "out")
        assert code_of(answer) == "train-hosts"
        assert f"siamese join --output {tmp_path / 'out'}" in one_line(answer)
        assert not (tmp_path / "out").exists()

    def test_run_with_trials(self, siamese, as_host, tmp_path, data):
        as_host(0)
        tuner = "tuner={trials: 2, learning_rate: {min: 0.001, max: 0.01}}"
        answer = siamese("run", "--set", data, "--set", tuner, "--output", tmp_path / "out")
        assert code_of(answer) == "train-hosts-tuner"


def test_waiting_imports_neither_tensorflow_nor_tfx(as_host, tmp_path):
    as_host(1)
    Publisher(
        path_of(made(tmp_path), 0), ChiefMessage(nonce="n", state="preparing", run="r", addresses=ADDRESSES)
    ).publish()
    code = (
        "import sys, threading, time\nfrom pathlib import Path\n"
        "from models.training.hosts.rendezvous import ChiefMessage, Publisher, path_of, read\n"
        "from pipeline.runners.local.hosts import join\n"
        f"first = path_of(Path({str(made(tmp_path))!r}), 0)\n"
        "def end():\n    time.sleep(1)\n"
        "    Publisher(first, read(ChiefMessage, first)).publish(state='over', reason='cached')\n"
        f"threading.Thread(target=end).start()\nassert join(Path({str(tmp_path)!r})) == 0\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    from subprocess import run as run_process

    done = run_process([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "run r has begun; waits for its Trainer" in done.stdout
    assert "run r: cached" in done.stdout
    assert not {"tensorflow", "tfx", "keras", "apache_beam"} & set(done.stderr.split())


def made(output):
    place = rendezvous_folder(output)
    place.mkdir(parents=True, exist_ok=True)
    return place


class TestARunThatNeedsNoTraining:
    """The graph is replaced; the worker waits in a thread."""

    def joined(self, monkeypatch, as_host, tmp_path, data, **summary):
        as_host(1)
        codes, here = [], hosts._this_host(tmp_path)
        monkeypatch.setattr(hosts, "_this_host", lambda output: here)

        def call():
            try:
                codes.append(join(tmp_path / "out"))
            except UserError as error:
                codes.append(str(error))

        waiting = threading.Thread(target=call, daemon=True)

        def execute(config, output, data_root, data_digest, run_id, console):
            waiting.start()
            time.sleep(1.2)
            return RunSummary(run_id=run_id, seed=1, config_digest="d", **summary)

        monkeypatch.setattr(run_module, "_execute", execute)
        as_host(0)
        run(load_config(overrides=[data]), tmp_path / "out")
        waiting.join(10)
        assert not waiting.is_alive()
        assert read(ChiefMessage, path_of(rendezvous_folder(tmp_path / "out"), 0)).state == "over"
        return codes[0]

    @pytest.mark.parametrize(
        ("summary", "code"),
        [
            ({"status": "pushed", "exit_code": 0, "already_serving": True}, 0),
            ({"status": "refused", "exit_code": 3}, 0),
            ({"status": "skipped", "exit_code": 0, "skipped": "0 new images"}, 0),
            ({"status": "failed", "exit_code": 1, "error": "no room"}, 1),
            ({"status": "failed", "exit_code": 2, "error": "it is empty"}, "the chief: it is empty"),
        ],
    )
    def test_lets_the_others_go(self, monkeypatch, as_host, tmp_path, data, summary, code):
        assert self.joined(monkeypatch, as_host, tmp_path, data, **summary) == code


def test_a_run_on_one_host_leaves_no_folder_of_hosts(monkeypatch, tmp_path, data):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    summary = RunSummary(run_id="r", status="refused", exit_code=3, seed=1, config_digest="d")
    monkeypatch.setattr(run_module, "_execute", lambda *given: summary)
    assert run(load_config(overrides=[data]), tmp_path / "out") == 3
    assert not rendezvous_folder(tmp_path / "out").exists()


class TestWhatWouldNotTrainTheSame:
    def arguments(self, weights=None, digest=None, **config):
        encoder = {"name": "backbone", "backbone": "EfficientNetV2B0", "weights": weights or "none"}
        model = ModelSettings(image={"height": 32, "width": 32, "channels": 3}, encoder=encoder)
        custom = {
            "model": model.model_dump(mode="json"),
            "weights_digest": digest,
            "code_digest": code_digest("models.training.trainer"),
        }
        return {"custom_config": custom | config}

    def test_nothing(self):
        assert hosts._refusal(self.arguments()) is None

    def test_other_code(self):
        assert "differs from the chief's" in hosts._refusal(self.arguments(code_digest="0" * 64))

    def test_weights_that_are_not_here(self, tmp_path):
        line = hosts._refusal(self.arguments(str(tmp_path / "b0.weights.h5"), "0" * 64))
        assert line.startswith(f"encoder.weights: {tmp_path}/b0.weights.h5: is missing on this host, or differs")
