"""The first host of a training on several: calls the others, waits until all are there, trains with them."""

import logging
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models.errors import TrainingFailed, UserError
from models.settings import ModelSettings
from models.training.hosts.cluster import hosts
from models.training.hosts.process import Ended, TrainingProcess
from models.training.hosts.rendezvous import POLL, FirstNotice, HostNotice, Own, Pulse, path_of, read

progress = logging.getLogger("siamese.progress")

FOLDER = "hosts"  # the key of custom_config: a folder that all hosts see; none where run_fn is to train by itself
_ARGUMENTS = ("train_files", "eval_files", "transform_output", "serving_model_dir", "model_run_dir", "hyperparameters")
_AFTERTHOUGHT = 5.0  # seconds for another host to say why it ended


@contextmanager
def announced(folder: Path, run: str) -> Iterator[list[Ended]]:
    """Tells hosts that wait in ``folder`` of a run; with what is put into the list, that it ended without a training.

    Call it before TensorFlow is loaded. Notices of the past are removed.
    """
    # The memory of the GPUs is for the process that trains, not for this one, which feeds and judges it.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    folder.mkdir(parents=True, exist_ok=True)
    for past in folder.glob("host-*.json"):
        past.unlink(missing_ok=True)
    here = hosts()
    Own(
        path_of(folder, 0),
        FirstNotice(nonce=uuid.uuid4().hex, state="preparing", run=run, addresses=here.addresses),
    ).tell()
    ends: list[Ended] = []
    try:
        yield ends
    finally:
        last = read(FirstNotice, path_of(folder, 0))
        if last and last.state != "over":
            end = ends[-1] if ends else Ended(1, "it broke off")
            Own(path_of(folder, 0), last).tell(state="over", code=end.code, reason=end.reason)


def train_together(fn_args: Any) -> None:
    """``run_fn`` on this host and all others that ``TF_CONFIG`` names, in a process of its own on each.

    Returns once all have trained and the first has exported.

    Args:
      fn_args: of ``run_fn``; its ``custom_config`` names the folder of ``announced``.

    Raises:
      UserError: what another host or the training found wrong with the input, or a host that does not come.
      TrainingFailed: it failed here or there.
    """
    config = dict(fn_args.custom_config)
    folder = Path(config.pop(FOLDER))
    notice = read(FirstNotice, path_of(folder, 0))
    if notice is None:
        raise TrainingFailed(f"{path_of(folder, 0)}: is gone; who waits for this host cannot be told")
    arguments = {name: getattr(fn_args, name) for name in _ARGUMENTS} | {"custom_config": config}
    own, others = Own(path_of(folder, 0), notice), _Others(folder, notice)
    minutes = ModelSettings.model_validate(config.get("model", {})).training.join_minutes
    try:
        own.tell(state="calling", arguments=arguments)
        admitted = _gathered(own, others, folder.parent, minutes)
        own.tell(state="training", admitted=admitted)
        ended = _trained(own, others, arguments)
    except KeyboardInterrupt:
        own.tell(state="over", code=1, reason="stopped there")
        raise
    except Exception as error:
        own.tell(state="over", code=2 if isinstance(error, UserError) else 1, reason=str(error))
        raise
    own.tell(state="over", code=ended.code, reason=ended.reason)
    if ended.code:
        reason = _with_theirs(ended.reason, others)
        raise UserError(reason) if ended.code == 2 else TrainingFailed(f"training failed: {reason}")


class _Others:
    """The notices of the other hosts that answer this call, and whether those hosts live."""

    def __init__(self, folder: Path, notice: FirstNotice) -> None:
        self._folder, self._nonce = folder, notice.nonce
        self._addresses = dict(enumerate(notice.addresses))
        self._pulses = {number: Pulse() for number in self._addresses if number}

    def answers(self) -> dict[int, HostNotice]:
        found = {}
        for number, pulse in self._pulses.items():
            notice = read(HostNotice, path_of(self._folder, number))
            pulse.feel(notice)
            if notice and notice.answers == self._nonce:
                found[number] = notice
        return found

    def missing(self, there: dict[int, HostNotice]) -> list[str]:
        return [self.named(number) for number in self._pulses if number not in there]

    def named(self, number: int) -> str:
        return f"host {number} ({self._addresses[number]})"

    def lost(self) -> str | None:
        """Why one of them no longer trains; None where all do, or have come to the end."""
        for number, notice in self.answers().items():
            if notice.state == "over" and notice.code:
                return f"{self.named(number)}: {notice.reason}"
        for number, pulse in self._pulses.items():
            if pulse.silent:
                return f"{self.named(number)}: gives no sign of life"
        return None


def _gathered(own: Own, others: _Others, output: Path, minutes: float) -> dict[int, str]:
    """The nonces of all other hosts, by number, once they are there."""
    told: list[str] = []
    until = time.monotonic() + 60 * minutes
    while True:
        there = others.answers()
        for number, notice in there.items():
            if notice.state == "over":
                raise UserError(f"{others.named(number)}: {notice.reason}")
        missing = others.missing(there)
        if not missing:
            return {number: notice.nonce for number, notice in there.items()}
        if missing != told:
            progress.info("waits for %s; there: siamese join --output %s", ", ".join(missing), output)
            told = missing
        if time.monotonic() > until:
            raise UserError(
                f"{', '.join(missing)}: not there after {minutes:g} minutes (training.join_minutes); start there: "
                f"siamese join --output {output}"
            )
        own.beat()
        time.sleep(POLL)


def _trained(own: Own, others: _Others, arguments: dict[str, Any]) -> Ended:
    progress.info("all %d hosts are there", hosts().count)

    def look() -> str | None:
        own.beat()
        return others.lost()

    return TrainingProcess(arguments).supervised(look)


def _with_theirs(reason: str, others: _Others) -> str:
    """The reason, and what another host says of its own end, which often is the cause."""
    until = time.monotonic() + _AFTERTHOUGHT
    while not (theirs := others.lost()) and time.monotonic() < until:
        time.sleep(POLL)
    return f"{reason}; {theirs}" if theirs and theirs != reason else reason
