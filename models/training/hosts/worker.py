"""A worker of a training on several hosts: waits for the chief's call, answers it, trains with it."""

import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from models.addresses import is_address
from models.errors import ExitCode, UserError
from models.training.hosts.cluster import Hosts
from models.training.hosts.process import Ended, train
from models.training.hosts.rendezvous import POLL, ChiefMessage, Heartbeat, Publisher, WorkerMessage, path_of, read

_UNSEEN = 90.0  # seconds that a network disk may take to show new files

Report = Callable[[str], None]
Refusal = Callable[[dict[str, Any]], str | None]  # of run_fn's arguments: why this host cannot train with them


class Worker:
    """One attempt of this host to take part.

    Args:
      folder: that of the chief's ``announced``.
      here: this host's number, and all addresses.
      refusal: of the arguments, beside the files that they name.
      report: called with what it waits for, whenever that changes.
    """

    def __init__(self, folder: Path, here: Hosts, refusal: Refusal, report: Report) -> None:
        self._folder, self._here, self._refusal, self._report_to = folder, here, refusal, report
        self._nonce, self._reported, self._heartbeat = uuid.uuid4().hex, "", Heartbeat()
        self._own: Publisher | None = None
        self._under_way: str | None = None  # the nonce of a run that was seen before its end
        self._answered: str | None = None
        self._called, self._since = "", 0.0

    def admitted(self) -> ChiefMessage:
        """Waits for the run in which this host is to train, or which ended without it.

        Returns:
          The chief's message: "training" with this host, or "over".

        Raises:
          UserError: this host cannot take part in the training that is called for.
        """
        while True:
            first = read(ChiefMessage, path_of(self._folder, 0))
            self._heartbeat.observe(first)
            if first is None:
                self._report("waits for a run of the chief")
            elif self._has_come(first):
                return first
            if self._own:
                self._own.beat()
            time.sleep(POLL)

    def train(self, first: ChiefMessage, log: IO[str]) -> Ended:
        """Trains to the end; the libraries' output goes to ``log``."""
        if self._own is None or first.arguments is None:
            raise ValueError("it has not been admitted")
        return train(self._own, first.arguments, lambda: self._first_ended(first.nonce), log)

    def leave(self) -> None:
        """Withdraws the answer, so that the chief does not wait for this host."""
        if self._own:
            self._own.withdraw()

    def _has_come(self, first: ChiefMessage) -> bool:
        """Whether the waiting is over; reports what it waits for where it is not."""
        self._check_number(first)
        if first.state == "over":
            if first.nonce == self._under_way:
                return True
            self._report("waits for a run of the chief")
            return False
        if first.state == "training":
            if first.admitted.get(self._here.number) == self._nonce:
                return True
            self._report(f"run {first.run} trains without this host, or was interrupted; waits for the next one")
            return False
        self._under_way = first.nonce
        if first.state == "preparing":
            self._report(f"run {first.run} has begun; waits for its Trainer")
        elif not self._heartbeat.beats or self._heartbeat.silent:
            self._report(f"run {first.run} calls its workers; waits for a heartbeat of the chief")
        elif self._answered != first.nonce:
            unseen = self._unseen_file(first)
            if unseen is None or time.monotonic() - self._since > _UNSEEN:
                self._answer(first, unseen)
        return False

    def _check_number(self, first: ChiefMessage) -> None:
        number = self._here.number
        if first.nonce == self._answered and first.admitted.get(number, self._nonce) != self._nonce:
            message = f"TF_CONFIG: another process has joined as host {number}; give each its own index"
            raise UserError(message, code="train-tf-config")

    def _answer(self, first: ChiefMessage, unseen: str | None) -> None:
        reason = unseen and f"{unseen}: is not visible here; mount --output under the same path on all hosts"
        if first.addresses != self._here.addresses:
            theirs, ours = (", ".join(addresses) for addresses in (first.addresses, self._here.addresses))
            reason = f"TF_CONFIG: the chief's cluster is {theirs}; here it is {ours}"
        elif not reason:
            reason = self._refusal(first.arguments or {})
        self._answered = first.nonce
        message = WorkerMessage(nonce=self._nonce, state="here", answers=first.nonce)
        self._own = Publisher(path_of(self._folder, self._here.number), message)
        if reason:
            self._own.publish(state="over", code=ExitCode.USER_ERROR, reason=reason)
            raise UserError(reason, code="train-host-refused")
        self._own.publish()
        self._report(f"run {first.run} calls its workers; waits until all {self._here.count} are there")

    def _unseen_file(self, first: ChiefMessage) -> str | None:
        """A file or folder of the arguments that is not visible here; a network disk may take a while to show it."""
        arguments = first.arguments or {}
        named = [*arguments["train_files"], *arguments["eval_files"], arguments["transform_output"]]
        local = (Path(name) for name in named if not is_address(name))
        unseen = next((str(path) for path in local if not _is_visible(path)), None)
        if unseen:
            self._report(f"run {first.run} calls its workers; {unseen} is not visible here yet")
        if self._called != first.nonce:
            self._called, self._since = first.nonce, time.monotonic()
        return unseen

    def _first_ended(self, nonce: str) -> str | None:
        """Why the chief no longer trains; None where it does, or has finished."""
        first = read(ChiefMessage, path_of(self._folder, 0))
        self._heartbeat.observe(first)
        if first and first.nonce == nonce and first.state == "over" and first.code:
            return f"the chief: {first.reason}"
        if first and first.nonce != nonce:
            return f"the chief: began another run, {first.run}"
        return "the chief: sends no heartbeat" if self._heartbeat.silent else None

    def _report(self, what: str) -> None:
        if what != self._reported:
            self._report_to(what)
            self._reported = what


def _is_visible(path: Path) -> bool:
    """Whether there is a file or folder of this name, or, the name being a pattern of shards, one that matches it."""
    return path.exists() or any(path.parent.glob(path.name))
