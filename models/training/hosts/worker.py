"""Any other host of a training on several: waits for the first one's call, answers it, trains with it."""

import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from models.errors import UserError
from models.training.hosts.cluster import Hosts
from models.training.hosts.process import Ended, TrainingProcess
from models.training.hosts.rendezvous import POLL, FirstNotice, HostNotice, Own, Pulse, path_of, read

_UNSEEN = 90.0  # seconds that a network disk may take to show new files
_AFTERTHOUGHT = 5.0  # seconds for the first host to say why it ended

Say = Callable[[str], None]
Refusal = Callable[[dict[str, Any]], str | None]  # of run_fn's arguments: why they cannot be trained with on this host


class OtherHost:
    """One attempt of this host to take part.

    Args:
      folder: that of the first host's ``announced``.
      here: this host's number, and all addresses.
      refusal: of the arguments, beside the files that they name.
      say: takes what it waits for, whenever that changes.
    """

    def __init__(self, folder: Path, here: Hosts, refusal: Refusal, say: Say) -> None:
        self._folder, self._here, self._refusal, self._say = folder, here, refusal, say
        self._nonce, self._said, self._pulse = uuid.uuid4().hex, "", Pulse()
        self._own: Own | None = None
        self._under_way: str | None = None  # the nonce of a run that was seen before its end
        self._answered: str | None = None
        self._called, self._since = "", 0.0

    def admitted(self) -> FirstNotice:
        """Waits for the run in which this host is to train, or which ended without it.

        Returns:
          The first host's notice: "training" with this host, or "over".

        Raises:
          UserError: this host cannot take part in the training that is called for.
        """
        while True:
            first = read(FirstNotice, path_of(self._folder, 0))
            self._pulse.feel(first)
            if first is None:
                self._tell("waits for a run of the first host")
            elif self._has_come(first):
                return first
            if self._own:
                self._own.beat()
            time.sleep(POLL)

    def train(self, first: FirstNotice, log: IO[str]) -> Ended:
        """Trains to the end; what libraries print goes to ``log``."""
        own = self._own
        if own is None or first.arguments is None:
            raise ValueError("it has not been admitted")

        def look() -> str | None:
            own.beat()
            return self._first_ended(first.nonce)

        try:
            ended = TrainingProcess(first.arguments, log).supervised(look)
        except KeyboardInterrupt:
            own.tell(state="over", code=1, reason="stopped there")
            raise
        own.tell(state="over", code=ended.code, reason=ended.reason)
        if not ended.code:
            return ended
        until = time.monotonic() + _AFTERTHOUGHT
        while not (theirs := self._first_ended(first.nonce)) and time.monotonic() < until:
            time.sleep(POLL)
        return Ended(ended.code, f"{ended.reason}; {theirs}" if theirs and theirs != ended.reason else ended.reason)

    def leave(self) -> None:
        """Takes back an answer that nobody is to rely on any more."""
        if self._own:
            self._own.withdraw()

    def _has_come(self, first: FirstNotice) -> bool:
        """Whether the waiting is over; says what it is for where it is not."""
        self._check_number(first)
        if first.state == "over":
            if first.nonce == self._under_way:
                return True
            self._tell("waits for a run of the first host")
            return False
        if first.state == "training":
            return self._is_admitted(first)
        self._under_way = first.nonce
        if first.state == "preparing":
            self._tell(f"run {first.run} has begun; waits for its Trainer")
        elif not self._pulse.beats or self._pulse.silent:
            self._tell(f"run {first.run} calls its hosts; waits for a sign of life of the first one")
        elif self._answered != first.nonce:
            unseen = self._unseen_file(first)
            if unseen is None or time.monotonic() - self._since > _UNSEEN:
                self._answer(first, unseen)
        return False

    def _is_admitted(self, first: FirstNotice) -> bool:
        if first.admitted.get(self._here.number) == self._nonce:
            return True
        self._tell(f"run {first.run} trains without this host, or broke off; waits for the next one")
        return False

    def _check_number(self, first: FirstNotice) -> None:
        number = self._here.number
        if first.nonce == self._answered and first.admitted.get(number, self._nonce) != self._nonce:
            raise UserError(f"TF_CONFIG: another process has joined as host {number}; give each its own index")

    def _answer(self, first: FirstNotice, unseen: str | None) -> None:
        reason = unseen and f"{unseen}: is not seen from here; let all hosts see --output under one and the same path"
        if first.addresses != self._here.addresses:
            theirs, ours = (", ".join(addresses) for addresses in (first.addresses, self._here.addresses))
            reason = f"TF_CONFIG: the first host's cluster is {theirs}; here it is {ours}"
        elif not reason:
            reason = self._refusal(first.arguments or {})
        self._answered = first.nonce
        notice = HostNotice(nonce=self._nonce, state="here", answers=first.nonce)
        self._own = Own(path_of(self._folder, self._here.number), notice)
        if reason:
            self._own.tell(state="over", code=2, reason=reason)
            raise UserError(reason)
        self._own.tell()
        self._tell(f"run {first.run} calls its hosts; waits until all {self._here.count} are there")

    def _unseen_file(self, first: FirstNotice) -> str | None:
        """A file or folder of the arguments that is not seen from here; a network disk may take a while to show it."""
        arguments = first.arguments or {}
        named = [*arguments["train_files"], *arguments["eval_files"], arguments["transform_output"]]
        unseen = next((name for name in named if "://" not in name and not _is_seen(name)), None)
        if unseen:
            self._tell(f"run {first.run} calls its hosts; {unseen} is not seen from here yet")
        if self._called != first.nonce:
            self._called, self._since = first.nonce, time.monotonic()
        return unseen

    def _first_ended(self, nonce: str) -> str | None:
        """Why the first host no longer trains; None where it does, or has come to the end."""
        first = read(FirstNotice, path_of(self._folder, 0))
        self._pulse.feel(first)
        if first and first.nonce == nonce and first.state == "over" and first.code:
            return f"the first host: {first.reason}"
        if first and first.nonce != nonce:
            return f"the first host: began another run, {first.run}"
        return "the first host: gives no sign of life" if self._pulse.silent else None

    def _tell(self, what: str) -> None:
        if what != self._said:
            self._say(what)
            self._said = what


def _is_seen(pattern: str) -> bool:
    path = Path(pattern)
    return any(path.parent.glob(path.name))
