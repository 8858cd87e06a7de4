"""Rendezvous messages of hosts that train together: one file a host, in a folder that all of them see.

There are no locks, and no host's clock is compared with another's. A message is written atomically, by its own host
only. Three signs show that a message is of an earlier run: its ``beat`` does not change, its ``nonce`` is not the one
that was answered, and it admits none of the hosts that wait now.
"""

import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

SILENCE = 300.0  # seconds without a heartbeat after which a host counts as lost: a network disk may lag by a minute
POLL = 0.5  # seconds between two reads


class Message(BaseModel):
    """What the messages of all hosts have."""

    model_config = ConfigDict(frozen=True)

    nonce: str  # a random id of the process
    beat: int = 0  # another number whenever the message is written: the heartbeat
    state: str  # how far the host is
    code: int = 0  # where ``state`` is "over": the exit code of the training on that host
    reason: str = ""  # why, where it is not 0


class ChiefMessage(Message):
    """The message of the chief.

    Its states are "preparing": components before the Trainer run; "calling": its Trainer waits for the workers;
    "training": all that it has admitted train; "over": they no longer do, or never have.
    """

    state: Literal["preparing", "calling", "training", "over"]
    run: str
    addresses: tuple[str, ...]  # of all hosts, as its ``TF_CONFIG`` names them
    arguments: dict[str, Any] | None = None  # of ``run_fn``, from "calling" on
    admitted: dict[int, str] = {}  # the nonces of the workers by their numbers, from "training" on


class WorkerMessage(Message):
    """The message of a worker: "here" while it waits to be admitted, or trains; "over" once it no longer does."""

    state: Literal["here", "over"]
    answers: str  # the nonce of the chief's message


M = TypeVar("M", bound=Message)


def path_of(folder: Path, number: int) -> Path:
    """The file of a host's message; 0 is the chief."""
    return folder / ("chief.json" if number == 0 else f"worker-{number}.json")


def read(kind: type[M], path: Path) -> M | None:
    """The current message; None where there is none that can be read."""
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):  # of a network disk, or of other code
        return None


class Publisher:
    """Writes the message of this process to its file, again with each change."""

    def __init__(self, path: Path, message: Message) -> None:
        self._path, self._message = path, message

    def publish(self, **changes: Any) -> None:
        """Writes the message with these changes and the next beat, atomically."""
        self._message = self._message.model_copy(update={**changes, "beat": self._message.beat + 1})
        staging = self._path.with_name(f".{self._path.name}.{self._message.nonce}")
        staging.write_text(self._message.model_dump_json(), encoding="utf-8")
        staging.replace(self._path)

    def beat(self) -> None:
        """Writes the next heartbeat; an error of the disk is ignored, as another beat follows."""
        with suppress(OSError):
            self.publish()

    def withdraw(self) -> None:
        """Removes the message, unless its state is "over", or another process has written its own there since."""
        if self._message.state == "over":
            return
        now = read(Message, self._path)
        if now and now.nonce == self._message.nonce:
            with suppress(FileNotFoundError):
                self._path.unlink()


class Heartbeat:
    """Whether a host is alive, by the beats of its message and this host's clock."""

    def __init__(self) -> None:
        self._last: tuple[str, int] | None = None
        self._since = time.monotonic()
        self.beats = False

    def observe(self, message: Message | None) -> None:
        """Takes the current message. ``beats`` is true once it has changed between two looks at one process."""
        now = (message.nonce, message.beat) if message else None
        if now != self._last:
            self.beats = bool(now and self._last and now[0] == self._last[0])
            self._last, self._since = now, time.monotonic()

    @property
    def silent(self) -> bool:
        """Whether there was no beat for so long that the host counts as lost."""
        return time.monotonic() - self._since > SILENCE
