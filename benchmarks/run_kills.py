"""Kills runs with SIGKILL at random moments, and checks that the next one ends well on intact artifacts.

Every run has a seed of its own, so that each of its nodes has work to do; its images are few and small. It is killed
alone, with its process group, or one of its children is (a decoder of HEIC, the server of the ServingValidator), at a
moment that is uniform over the time of an entire run, its start included; or while it pushes. After each kill what
serves must be what was pushed, and ``siamese runs`` must list the run as interrupted, if it had begun; the same run
again must end with a verdict (0 or 3). After it every artifact that the metadata store calls complete must have the
content that was written, every other one must be gone, and so must temporary files and unfinished copies.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks._small_runs import require, run_arguments, write_images

_VERDICTS = (0, 3)
_WAYS = ("process", "group", "process", "group", "child", "push")  # in turn
_CHILD_SECONDS = 60.0


def main() -> None:
    """Prints a line for each kill; exits with 1 at the first violation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        started = time.monotonic()
        code = place.run(0).wait()
        longest = time.monotonic() - started
        require(code in _VERDICTS, f"the first run ended with {code}")
        counts: Counter[str] = Counter()
        for kill in range(1, arguments.kills + 1):
            known, way = len(place.listed()), _WAYS[kill % len(_WAYS)]
            process = place.run(kill)
            moment = rng.uniform(0, longest)
            killed = place.kill(process, way, moment, rng)
            place.check_served()
            new = place.listed()[known:]
            status = new[-1]["status"] if new else "not begun"
            require(status != "running", "a killed run is not listed as running")
            if way != "child":
                expected = ("pushed", "refused", *(("interrupted", "not begun") if killed else ()))
                require(status in expected, f"kill {kill}: {status}, not one of {expected}")  # some had their verdict
            code = place.run(kill).wait()
            require(code in _VERDICTS, f"the run after kill {kill} at {moment:.1f} s ended with {code}")
            require(place.listed()[-1]["exit_code"] == code, "its verdict is recorded")
            counts[f"{way}: {status if killed else 'had ended'}"] += 1
            artifacts, cached = place.check_artifacts(), len(place.listed()[-1]["cached"])
            print(
                f"kill {kill} of {way} at {moment:5.1f} s: {status}; then {code}, {cached} nodes from the cache, "
                f"{artifacts} intact artifacts",
                flush=True,
            )
        print(
            f"{arguments.kills} kills at random moments of runs of up to {longest:.0f} s: every next run ended with a "
            f"verdict, no torn artifact was used, none was left"
        )
        for what, count in sorted(counts.items()):
            print(f"  {what}: {count}")


class Place:
    """The images, the output folder and the temporary files of the runs."""

    def __init__(self, folder: Path) -> None:
        self._images, self._output, self._temporary = folder / "images", folder / "output", folder / "tmp"
        self._temporary.mkdir()
        write_images(self._images)

    def run(self, seed: int) -> "subprocess.Popen[bytes]":
        """Begins a run."""
        command = [sys.executable, "-m", "pipeline", *run_arguments(self._images, self._output, f"seed={seed}")]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        environment = {**os.environ, "TMPDIR": str(self._temporary)}
        return subprocess.Popen(command, env=environment, start_new_session=True, **quiet)

    def kill(self, process: "subprocess.Popen[bytes]", way: str, moment: float, rng: random.Random) -> bool:
        """Kills a run, or a part of it; returns whether it had not ended before."""
        until = time.monotonic() + moment
        pushes = self._output / "artifacts" / "Pusher" / ".system" / "executor_execution"
        before = set(pushes.glob("*"))
        while process.poll() is None and way != "push" and time.monotonic() < until:
            time.sleep(0.01)
        if way == "push":
            while process.poll() is None and set(pushes.glob("*")) == before:
                time.sleep(0.002)
            time.sleep(rng.uniform(0, 0.2))
        if way == "child":
            while process.poll() is None and not (children := list(_children(process.pid))):
                time.sleep(0.01)
            if process.poll() is not None:
                return False
            with suppress(ProcessLookupError):
                os.kill(rng.choice(children), signal.SIGKILL)
            process.wait()
            return True
        with suppress(ProcessLookupError):
            (os.kill if way == "process" else os.killpg)(process.pid, signal.SIGKILL)
        ended = process.wait()
        _await_children(process.pid)
        return ended == -signal.SIGKILL

    def listed(self) -> list[dict[str, Any]]:
        """What ``siamese runs`` lists."""
        if not self._output.is_dir():
            return []
        command = [sys.executable, "-m", "pipeline", "runs", "--output", str(self._output), "--json"]
        found: list[dict[str, Any]] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        return found

    def check_served(self) -> None:
        """Checks that what serves is what was pushed."""
        from components.serving_folder.serving_folder import fetch_served

        with tempfile.TemporaryDirectory() as copy:  # compares the files with what was pushed
            require(fetch_served(self._output / "serving", Path(copy) / "model") is not None, "a version serves")

    def check_artifacts(self) -> int:
        """Checks the artifacts of complete executions, whose number is returned, and that nothing else is left."""
        from ml_metadata.proto import metadata_store_pb2 as mlmd

        from components.storage.artifact_checksums import damage
        from pipeline.environment.output_folder import METADATA
        from pipeline.runs.metadata import _store

        self.check_served()
        store = _store(self._output / METADATA)
        complete = [one.id for one in store.get_executions() if one.last_known_state == mlmd.Execution.COMPLETE]
        events = store.get_events_by_execution_ids(complete)
        ids = {event.artifact_id for event in events if event.type == mlmd.Event.OUTPUT}
        folders = {Path(one.uri) for one in store.get_artifacts_by_id(sorted(ids))}
        for folder in folders:
            require(damage(folder) is None, str(damage(folder)))
        others = [path for path in (self._output / "artifacts").glob("*/[!.]*/*") if _execution(path) not in complete]
        require(not others, f"only artifacts of complete executions are there, not {others}")
        left = [*self._temporary.iterdir(), *self._output.rglob(".staging-*"), *self._output.rglob("beam-temp*")]
        require(not left, f"no temporary files are left: {left}")
        return len(folders)


def _await_children(group: int) -> None:
    """Waits for those of a process that was killed alone, which end by themselves once they have loaded TensorFlow."""
    until = time.monotonic() + _CHILD_SECONDS
    with suppress(ProcessLookupError):
        while time.monotonic() < until:
            os.killpg(group, 0)
            time.sleep(0.1)
        raise AssertionError("violated: a child of a killed run is still there")


def _children(pid: int) -> Iterator[int]:
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            yield from map(int, path.read_text().split())


def _execution(path: Path) -> int:
    """The number of the execution that an artifact is of, or its checksums."""
    return int(path.name.lstrip(".").partition(".")[0])


if __name__ == "__main__":
    main()
