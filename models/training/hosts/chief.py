"""The chief of a training on several hosts: calls the workers, waits until all are there, trains with them."""

import logging
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models.errors import ExitCode, TrainingFailed, UserError
from models.settings import ModelSettings
from models.training.hosts.cluster import hosts
from models.training.hosts.process import Ended, train
from models.training.hosts.rendezvous import POLL, ChiefMessage, Heartbeat, Publisher, WorkerMessage, path_of, read

progress = logging.getLogger("siamese.progress")

FOLDER = "hosts"  # the key of custom_config: a folder that all hosts see; none where run_fn is to train by itself
_ARGUMENTS = ("train_files", "eval_files", "transform_output", "serving_model_dir", "model_run_dir", "hyperparameters")


@contextmanager
def announced(folder: Path, run: str) -> Iterator[list[Ended]]:
    """Publishes a run to workers that wait in ``folder``; at the end, the ``Ended`` that is put into the list.

    Call it before TensorFlow is loaded. Messages of earlier runs are removed.
    """
    # The memory of the GPUs is for the process that trains, not for this one, which feeds and evaluates it.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    folder.mkdir(parents=True, exist_ok=True)
    for past in folder.glob("worker-*.json"):
        past.unlink(missing_ok=True)
    message = ChiefMessage(nonce=uuid.uuid4().hex, state="preparing", run=run, addresses=hosts().addresses)
    Publisher(path_of(folder, 0), message).publish()
    ends: list[Ended] = []
    try:
        yield ends
    finally:
        last = read(ChiefMessage, path_of(folder, 0))
        if last and last.state != "over":
            end = ends[-1] if ends else Ended(ExitCode.FAILED, "it was interrupted")
            Publisher(path_of(folder, 0), last).publish(state="over", code=end.code, reason=end.reason)


def train_with_workers(fn_args: Any) -> None:
    """``run_fn`` on this host and all others that ``TF_CONFIG`` names, in a process of its own on each.

    Returns once all have trained and the chief has exported. ``custom_config`` names the folder of ``announced``.

    Raises:
      UserError: a host or the training found the input wrong, or a host did not join.
      TrainingFailed: it failed here or there.
    """
    config = dict(fn_args.custom_config)
    folder = Path(config.pop(FOLDER))
    message = read(ChiefMessage, path_of(folder, 0))
    if message is None:
        raise TrainingFailed(
            f"{path_of(folder, 0)}: is missing; the chief's message was removed while it ran", "train-other-host-failed"
        )
    arguments = {name: getattr(fn_args, name) for name in _ARGUMENTS} | {"custom_config": config}
    own, workers = Publisher(path_of(folder, 0), message), _Workers(folder, message)
    minutes = ModelSettings.model_validate(config.get("model", {})).training.join_minutes
    try:
        own.publish(state="calling", arguments=arguments)
        admitted = _gathered(own, workers, folder.parent, minutes)
        own.publish(state="training", admitted=admitted)
        progress.info("all %d hosts are there", hosts().count)
        ended = train(own, arguments, workers.lost)
    except (KeyboardInterrupt, SystemExit):
        own.publish(state="over", code=ExitCode.FAILED, reason="interrupted")
        raise
    except Exception as error:
        own.publish(
            state="over",
            code=ExitCode.USER_ERROR if isinstance(error, UserError) else ExitCode.FAILED,
            reason=str(error),
        )
        raise
    if ended.code == ExitCode.USER_ERROR:
        raise UserError(ended.reason, code="train-host-refused")
    if ended.code:
        raise TrainingFailed(f"training failed: {ended.reason}", "train-other-host-failed")


class _Workers:
    """The messages of the workers that answer this call, and whether those hosts are alive."""

    def __init__(self, folder: Path, message: ChiefMessage) -> None:
        self._folder, self._nonce = folder, message.nonce
        self._addresses = dict(enumerate(message.addresses))
        self._heartbeats = {number: Heartbeat() for number in self._addresses if number}

    def answers(self) -> dict[int, WorkerMessage]:
        found = {}
        for number, heartbeat in self._heartbeats.items():
            message = read(WorkerMessage, path_of(self._folder, number))
            heartbeat.observe(message)
            if message and message.answers == self._nonce:
                found[number] = message
        return found

    def missing(self, there: dict[int, WorkerMessage]) -> list[str]:
        return [self.named(number) for number in self._heartbeats if number not in there]

    def named(self, number: int) -> str:
        return f"host {number} ({self._addresses[number]})"

    def lost(self) -> str | None:
        """Why one of them no longer trains; None where all do, or have finished."""
        for number, message in self.answers().items():
            if message.state == "over" and message.code:
                return f"{self.named(number)}: {message.reason}"
        for number, heartbeat in self._heartbeats.items():
            if heartbeat.silent:
                return f"{self.named(number)}: sends no heartbeat"
        return None


def _gathered(own: Publisher, workers: _Workers, output: Path, minutes: float) -> dict[int, str]:
    """The nonces of all other hosts, by number, once they are there."""
    reported: list[str] = []
    until = time.monotonic() + 60 * minutes
    while True:
        there = workers.answers()
        for number, message in there.items():
            if message.state == "over":
                raise UserError(f"{workers.named(number)}: {message.reason}", code="train-host-refused")
        missing = workers.missing(there)
        if not missing:
            return {number: message.nonce for number, message in there.items()}
        if missing != reported:
            progress.info("waits for %s; there: siamese join --output %s", ", ".join(missing), output)
            reported = missing
        if time.monotonic() > until:
            raise UserError(
                f"{', '.join(missing)}: has not joined after {minutes:g} minutes (training.join_minutes); start there: "
                f"siamese join --output {output}",
                code="train-host-missing",
            )
        own.beat()
        time.sleep(POLL)
