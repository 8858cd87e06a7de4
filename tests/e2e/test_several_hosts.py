"""Two hosts train together, as their users start them: two processes of this machine."""

import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.serving_folder.serving_folder import versions
from pipeline.runners.local.images import write_digits

pytestmark = pytest.mark.e2e

PER_DIGIT = 24
SETTINGS = (
    "data.split.by=image",
    "encoder={filters: [8], embedding: 16}",
    "training={epochs: 2, steps_per_epoch: 5, batch: {identities: 6}}",
    "gates={floors: {accuracy: 0.5}, beats_pixels: false}",
)


@dataclass(frozen=True)
class Host:
    """What a command came to."""

    code: int
    lines: list[str]

    def lines_with(self, what: str) -> list[str]:
        return [line.strip() for line in self.lines if what in line]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("digits")
    for digit in sorted(write_digits(base / "all").iterdir()):
        (base / "data" / digit.name).mkdir(parents=True)
        for path in sorted(digit.iterdir())[:PER_DIGIT]:
            shutil.copyfile(path, base / "data" / digit.name / path.name)
    return base / "data"


def started(number: int, addresses: list[str], *arguments: str) -> subprocess.Popen[str]:
    cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": number}}
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TF_CONFIG": json.dumps(cluster), "CUDA_VISIBLE_DEVICES": "-1"},
    )


def ended(process: subprocess.Popen[str]) -> Host:
    out, _ = process.communicate(timeout=900)
    return Host(process.returncode, out.splitlines())


@pytest.fixture(scope="module")
def together(data, tmp_path_factory) -> tuple[Path, Host, Host]:
    """The output folder, the chief and the worker, which starts too early."""
    output = tmp_path_factory.mktemp("shared") / "out"
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    sets = [part for setting in SETTINGS for part in ("--set", setting)]
    other = started(1, addresses, "join", "--output", str(output))
    try:
        first = ended(started(0, addresses, "run", "--data", str(data), "--output", str(output), *sets))
        return output, first, ended(other)
    finally:
        other.kill()


def test_both_end_well_and_the_model_is_pushed(together):
    output, first, other = together
    assert (first.code, other.code) == (0, 0), "\n".join([*first.lines, *other.lines])
    summary = json.loads((output / "runs" / "latest" / "summary.json").read_text())
    assert summary["status"] == "pushed"
    assert versions(output / "serving") == [summary["pushed_version"]]


def test_they_train_one_network(together):
    _, first, other = together
    assert first.lines_with("all 2 hosts are there")
    assert len(first.lines_with("epoch ")) == 2
    assert first.lines_with("epoch ") == other.lines_with("epoch ")
    assert first.lines_with("threshold")[0] == other.lines_with("threshold")[0]


def test_the_chief_alone_exports(together):
    output, *_ = together
    assert len(list((output / "artifacts" / "Trainer").rglob("saved_model.pb"))) == 1
    logs = output / "runs" / "latest"
    exported = ["Assets written to" in (logs / name).read_text() for name in ("log.txt", "log.host-1.txt")]
    assert exported == [True, False]
    assert len(list((output / "artifacts" / "Trainer").rglob("train/events.out.tfevents.*"))) == 1
    assert list((output / "checkpoints").iterdir()) == []


def test_the_worker_reports_what_it_waits_for(together):
    output, _, other = together
    run = (output / "runs" / "latest").resolve().name
    printed = other.lines_with(f"run {run} ")
    assert printed[-1] == f"run {run} calls its workers; waits until all 2 are there"
    assert other.lines[0].startswith("host 1 of 2, the chief is 127.0.0.1:")
