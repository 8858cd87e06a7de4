"""Kills runs with SIGKILL at random moments, and checks that the next one ends well on intact artifacts.

Every run has a seed of its own, so that each of its nodes has work to do. After each kill ``siamese runs`` must list
the killed run as interrupted, if it had begun; the same run again must end with a verdict (0 or 3); after it every
artifact that the metadata store calls complete must have the content that was written, and every served version must
load. The images are scikit-learn's digits.
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
from pathlib import Path
from typing import Any

_SETTINGS = ("training.epochs=1", "training.tensorboard=none", "encoder.filters=[4, 8]", "pairs.per_image=2")
_VERDICTS = (0, 3)


def main() -> None:
    """Prints a line for each kill; exits with 1 at the first violation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "output"
        started = time.monotonic()
        code = _run(output, 0).wait()
        longest = time.monotonic() - started
        _require(code in _VERDICTS, f"the first run ended with {code}")
        interrupted = 0
        for kill in range(1, arguments.kills + 1):
            known = len(_listed(output))
            moment = rng.uniform(0, longest)
            process = _run(output, kill)
            time.sleep(moment)
            os.killpg(process.pid, signal.SIGKILL)
            ended = process.wait()
            new = _listed(output)[known:]
            if ended == -signal.SIGKILL and new:
                _require(new[-1]["status"] != "running", "a killed run is not listed as running")
                interrupted += new[-1]["status"] == "interrupted"  # else it had its verdict already
            code = _run(output, kill).wait()
            _require(code in _VERDICTS, f"the run after kill {kill} at {moment:.1f} s ended with {code}")
            _require(_listed(output)[-1]["exit_code"] == code, "its verdict is recorded")
            print(f"kill {kill} at {moment:5.1f} s: {len(_intact(output))} intact artifacts", flush=True)
        print(
            f"{arguments.kills} kills at random moments of runs of up to {longest:.0f} s, {interrupted} of them listed "
            f"as interrupted: every next run ended with a verdict, no torn artifact was used"
        )


def _run(output: Path, seed: int) -> "subprocess.Popen[bytes]":
    changes = [argument for setting in (f"seed={seed}", *_SETTINGS) for argument in ("--set", setting)]
    command = [sys.executable, "-m", "pipeline", "run", "--output", str(output), *changes]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def _listed(output: Path) -> list[dict[str, Any]]:
    if not output.is_dir():
        return []
    command = [sys.executable, "-m", "pipeline", "runs", "--output", str(output), "--json"]
    found: list[dict[str, Any]] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def _intact(output: Path) -> list[Path]:
    """The artifacts of the complete executions."""
    from ml_metadata.proto import metadata_store_pb2 as mlmd

    from components.serving_folder.serving_folder import fetch_served
    from components.storage.checksums import damage
    from pipeline.environment.output_folder import METADATA
    from pipeline.runs.metadata import _store

    store = _store(output / METADATA)
    complete = [one.id for one in store.get_executions() if one.last_known_state == mlmd.Execution.COMPLETE]
    events = store.get_events_by_execution_ids(complete)
    ids = {event.artifact_id for event in events if event.type == mlmd.Event.OUTPUT}
    folders = [Path(one.uri) for one in store.get_artifacts_by_id(sorted(ids))]
    for folder in folders:
        _require(damage(folder) is None, str(damage(folder)))
    with tempfile.TemporaryDirectory() as copy:  # compares the files with what was pushed
        fetch_served(output / "serving", Path(copy) / "model")
    return folders


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(f"violated: {what}")


if __name__ == "__main__":
    main()
