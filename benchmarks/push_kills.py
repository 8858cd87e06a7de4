"""Kills pushes with SIGKILL, at random moments and at every step, and checks the serving folder.

Each child pushes models in a loop into one serving folder and is killed. After each kill the highest version must be
complete, byte for byte one of the models; so must every complete version; versions never decrease; and the next push
succeeds and leaves no staging folder. At random moments two children push at once; a reader polls like a model server.
Needs no TensorFlow.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from components.serving_folder import serving_folder
from components.serving_folder.history import ADDED
from components.serving_folder.push import push
from components.serving_folder.storage import FolderFiles, file_digests

KEEP = 3
_FILES = {
    "saved_model.pb": 300_000,
    "fingerprint.pb": 50,
    "variables/variables.index": 2_000,
    "variables/variables.data-00000-of-00001": 1_500_000,
    "assets.extra/tf_serving_warmup_requests": 10_000,
}


def main() -> None:
    """Prints the counts; exits with 1 at the first violation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=400, help="at random moments")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scale", type=float, default=1.0, help="of the models' sizes (1.8 MB each)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models = _models(Path(folder), arguments.scale)
        started = time.monotonic()
        steps = _kill_at_every_step(models, Path(folder) / "steps")
        print(f"killed once at each of {steps} steps of a push that prunes: a complete version each time")
        print(f"  {time.monotonic() - started:.1f} s")
        started = time.monotonic()
        print(_kill_at_random(models, Path(folder) / "random", arguments.kills, random.Random(arguments.seed)))
        print(f"  {time.monotonic() - started:.1f} s")


class Invariant:
    """The invariant of a serving folder."""

    def __init__(self, models: list[Path], serving: Path) -> None:
        self._complete = {tuple(file_digests(FolderFiles(model)).items()) for model in models}
        self._serving, self._highest = serving, 0

    def check(self) -> int:
        """The version that serves: complete, and not below an earlier one."""
        while True:
            found = serving_folder.versions(self._serving)
            _require(bool(found), "a version serves")
            _require(found[-1] >= self._highest, f"{found[-1]} is not below {self._highest}")
            try:
                digests = file_digests(FolderFiles(self._serving / str(found[-1])))
            except FileNotFoundError:  # pruned while it was read: a newer one serves
                _require(serving_folder.versions(self._serving)[-1] > found[-1], f"{found[-1]} went while it served")
                continue
            if tuple(digests.items()) not in self._complete:
                _require(serving_folder.versions(self._serving)[-1] > found[-1], f"version {found[-1]} is complete")
                continue
            self._highest = found[-1]
            return found[-1]

    def check_all(self) -> None:
        """Checks every version, while nothing is written."""
        for version in serving_folder.versions(self._serving):
            digests = file_digests(FolderFiles(self._serving / str(version)))
            _require(tuple(digests.items()) in self._complete, f"version {version} is complete")

    def check_recovered(self) -> None:
        """After a push: no staging folders, a record of every version, old versions removed."""
        self.check_all()
        staging = [path.name for path in self._serving.rglob(".staging-*")]
        _require(not staging, f"no staging folder remains: {staging}")
        history = serving_folder.history(self._serving)
        _require(not history.unfinished(), "every number is accounted for")
        recorded = {event.version for event in history.events if event.action in ADDED and event.by != "unknown"}
        _require(set(history.complete) <= recorded, "every version has its record")
        _require(len(history.complete) <= KEEP, f"{KEEP} versions are kept, not {len(history.complete)}")


def _kill_at_random(models: list[Path], serving: Path, kills: int, rng: random.Random) -> str:
    longest = 0.0  # a child is killed within the time of some pushes
    for model in models:
        started = time.monotonic()
        push(model, serving, keep=KEEP)
        longest = max(longest, 4 * (time.monotonic() - started))
    invariant = Invariant(models, serving)
    polls = pushes = pairs = copying = 0
    for _ in range(kills):
        two = rng.random() < 0.3
        pairs += two
        children = [_child(lambda: _push_on(models, serving)) for _ in range(1 + two)]
        until = time.monotonic() + rng.uniform(0, longest)
        try:
            while time.monotonic() < until:
                invariant.check()
                polls += 1
        finally:
            for child in children:
                _end(child)
        before = invariant.check()
        invariant.check_all()
        copying += any(serving.glob(".staging-*"))
        current = _served_digest(serving)
        model = next(model for model in models if serving_folder.digest(model) != current)
        result = push(model, serving, keep=KEEP)
        _require(result.pushed and result.version > before, "the next push works")
        invariant.check()
        invariant.check_recovered()
        pushes += 1
    cut = sum(event.action == "missing" for event in serving_folder.history(serving).events)
    total = sum(event.action == "push" for event in serving_folder.history(serving).events)
    return (
        f"{kills} kills at random moments ({pairs} of two pushes at once), {polls:,} polls: always exactly "
        f"one complete version served\n  {total - cut:,} pushes succeeded; {copying} kills interrupted staging, "
        f"{cut} a reserved number; {pushes} next pushes recovered"
    )


def _kill_at_every_step(models: list[Path], folder: Path) -> int:
    """Kills a push before its first, second, ... operation on the file system, until one completes."""
    for number in range(KEEP):
        push(models[number], folder / "before", keep=KEEP)
    for step in range(1, 10_000):
        serving = folder / str(step)
        shutil.copytree(folder / "before", serving)
        invariant = Invariant(models, serving)
        before = invariant.check()

        def pushing(step: int = step, serving: Path = serving) -> None:
            _die_at(step)
            push(models[KEEP], serving, keep=KEEP)

        status = _ended(_child(pushing))
        _require(status in (0, signal.SIGKILL), f"the child ended with {status}")
        after = invariant.check()
        invariant.check_all()
        if status == 0:
            _require(after > before, "an unharmed push serves")
            return step - 1
        # In any state after the kill: the same push again, and another model's.
        push(models[KEEP], serving, keep=KEEP)
        _require(_served_digest(serving) == serving_folder.digest(models[KEEP]), "the next push serves")
        push(models[0], serving, keep=KEEP)
        invariant.check()
        invariant.check_recovered()
    raise AssertionError("a push has fewer steps")


def _die_at(step: int) -> None:
    """Kills this process before its ``step``-th operation on files: open, sync, rename, ..."""
    remaining = step

    def count() -> None:
        nonlocal remaining
        remaining -= 1
        if remaining == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    touching = ("open", "os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "os.listdir", "os.scandir")
    sys.addaudithook(lambda event, _: count() if event in touching else None)
    sync = os.fsync  # no audit event of its own

    def counted(fd: Any) -> None:
        count()
        sync(fd)

    os.fsync = counted


def _push_on(models: list[Path], serving: Path) -> None:
    number = os.getpid()
    while True:
        number += 1
        push(models[number % len(models)], serving, keep=KEEP)


def _child(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException as error:  # noqa: BLE001 - every error is reported to the parent
        print(f"child: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(1)


def _end(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    status = _ended(child)
    _require(status == signal.SIGKILL, f"the child ended with {status}")


def _ended(child: int) -> int:
    """0, or the number of the signal; 1 where it failed."""
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _models(folder: Path, scale: float) -> list[Path]:
    """Models that differ in every file, so that a mixture of two is detected."""
    models = [folder / f"model-{letter}" for letter in "ABCDE"]
    for model in models:
        for name, size in _FILES.items():
            (model / name).parent.mkdir(parents=True, exist_ok=True)
            block = hashlib.sha256(f"{model.name}/{name}".encode()).digest()
            (model / name).write_bytes(block * max(1, int(size * scale) // len(block)))
    return models


def _served_digest(serving: Path) -> str:
    path = serving_folder.served(serving)
    return serving_folder.digest(path) if path else ""


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(f"violated: {what}")


if __name__ == "__main__":
    main()
