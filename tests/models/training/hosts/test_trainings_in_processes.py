"""Trainings as processes of their own: the same twice, killed in the middle, together with another host."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.errors import UserError
from models.training.hosts.cluster import Hosts, hosts

SCRIPT = Path(__file__).parents[3] / "one_training.py"
RUN = f"import runpy; runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"  # not from its folder: models is ours


def started(folder: Path, settings: dict, *checkpoints: Path, **variables: str) -> subprocess.Popen:
    folder.mkdir()
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", **variables}
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder), json.dumps(settings), *map(str, checkpoints)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
    )


def ended(process: subprocess.Popen) -> list[str]:
    """What it printed."""
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out[-3000:]
    return out.splitlines()


def weights(folder: Path) -> list[np.ndarray]:
    with np.load(folder / "weights.npz") as found:
        return [found[name] for name in found.files]


@pytest.mark.parametrize("form", ["batch", "pairs"])
def test_the_same_seed_gives_the_same_weights_in_another_process(tmp_path, form):
    settings = {
        "loss": {"form": form},
        "augmentation": {"rotation": 10, "scale": 0.1, "erasing": 0.2},
        "training": {"epochs": 2, "steps_per_epoch": 4, "deterministic": True},
    }
    for process in [started(tmp_path / name, settings) for name in ("one", "two")]:
        ended(process)
    for a, b in zip(weights(tmp_path / "one"), weights(tmp_path / "two"), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_training_killed_within_an_epoch_goes_on_and_ends_like_an_unbroken_one(tmp_path):
    settings = {
        "training": {
            "epochs": 3,
            "steps_per_epoch": 60,
            "checkpoint_minutes": 1e-6,
            "patience": 50,
            "deterministic": True,
            "batch": {"identities": 6},
        }
    }
    unbroken = started(tmp_path / "unbroken", settings)
    killed = started(tmp_path / "killed", settings, tmp_path / "state")
    for line in killed.stdout:
        if line.startswith("epoch 1/3"):
            break
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL

    lines = ended(started(tmp_path / "again", settings, tmp_path / "state"))
    (reported,) = [line for line in lines if line.startswith("continues from")]
    assert re.match(r"continues from epoch (1/3, step 5|2/3, step \d+)", reported)
    assert not (tmp_path / "state").exists()
    ended(unbroken)
    for a, b in zip(weights(tmp_path / "again"), weights(tmp_path / "unbroken"), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def test_two_hosts_train_one_network(tmp_path):
    settings = {"training": {"epochs": 3, "steps_per_epoch": 5, "batch": {"identities": 6}}}
    cluster = {"worker": [f"127.0.0.1:{port}" for port in free_ports(2)]}
    state = tmp_path / "state"
    processes = [
        started(
            tmp_path / str(number),
            settings,
            state,
            TF_CONFIG=json.dumps({"cluster": cluster, "task": {"type": "worker", "index": number}}),
        )
        for number in range(2)
    ]
    reported = [json.loads(next(line for line in ended(one) if line.startswith("{"))) for one in processes]

    assert reported[0] == reported[1]
    assert reported[0]["accuracy"] > 0.9
    for a, b in zip(weights(tmp_path / "0"), weights(tmp_path / "1"), strict=True):
        np.testing.assert_array_equal(a, b)
    assert list((tmp_path / "0").rglob("events.out.tfevents.*"))
    assert not list((tmp_path / "1").rglob("events.out.tfevents.*"))  # the chief alone writes
    assert not state.exists()


def config(kind: str, index: object, **cluster: list[str]) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})}


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, Hosts(0)),
        ({"TF_CONFIG": " "}, Hosts(0)),
        (config("worker", 1, worker=["a:1", "b:1"]), Hosts(1, ("a:1", "b:1"))),
        (config("chief", 0, chief=["a:1"], worker=["b:1", "c:1"]), Hosts(0, ("a:1", "b:1", "c:1"))),
        (config("worker", 0, chief=["a:1"], worker=["b:1", "c:1"]), Hosts(1, ("a:1", "b:1", "c:1"))),
    ],
)
def test_the_first_host_is_the_chief(environment, found):
    assert hosts(environment) == found
    assert found.chief == (found.number == 0)
    assert found.count == max(1, len(found.addresses))


@pytest.mark.parametrize(
    ("environment", "fact"),
    [
        ({"TF_CONFIG": "{"}, "must be JSON"),
        ({"TF_CONFIG": "[]"}, "must be JSON"),
        ({"TF_CONFIG": '{"cluster": {"worker": ["a:1"]}}'}, "must be JSON"),
        (config("worker", "first", worker=["a:1"]), "must be JSON"),
        (config("worker", 2, worker=["a:1", "b:1"]), "task worker 2"),
        (config("evaluator", 0, worker=["a:1", "b:1"]), "task evaluator 0"),
        (config("worker", 0, worker=["a:1"], ps=["b:1"]), "cluster.ps"),
        (config("worker", 0, worker=["a:1", "b"]), "cluster: b: "),
        (config("worker", 0, worker=["a:1", "a:1"]), "cluster: a:1: "),
        (config("worker", 0, worker="ab"), "cluster: a: "),
    ],
)
def test_a_cluster_that_cannot_be_is_refused(environment, fact):
    with pytest.raises(UserError) as raised:
        hosts(environment)
    assert raised.value.code == "train-tf-config"
    assert fact in str(raised.value)
