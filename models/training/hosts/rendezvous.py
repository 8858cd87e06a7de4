"""What hosts that train together tell each other: one file a host, in a folder that all of them see.

Nobody locks, and no host's clock is compared with another's. A notice is written whole or not at all, by its host
alone. One that a run of the past left behind is told by three signs: its ``beat`` stands still, its ``nonce`` is not
the one that was answered, and it admits none of the hosts that wait now.
"""

import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

SILENCE = 300.0  # seconds after which a host is taken for dead: a network disk may show what is old for a minute
POLL = 0.5  # seconds between two looks


class Notice(BaseModel):
    """What every host tells.

    Attributes:
      nonce: drawn anew by each process that takes part.
      beat: another number whenever the notice is written, so that others see that its host lives.
      state: how far it is.
      code: where ``state`` is "over": the exit code that the training came to on that host.
      reason: why, where it is not 0.
    """

    model_config = ConfigDict(frozen=True)

    nonce: str
    beat: int = 0
    state: str
    code: int = 0
    reason: str = ""


class FirstNotice(Notice):
    """What the first host tells.

    Attributes:
      state: "preparing": components before the Trainer are at work; "calling": its Trainer waits for the others;
        "training": all that it has admitted train; "over": they no longer do, or never have.
      run: the id of the run.
      addresses: of all hosts, as its ``TF_CONFIG`` names them.
      arguments: of ``run_fn``, from "calling" on.
      admitted: the nonces of the other hosts by their numbers, from "training" on.
    """

    state: Literal["preparing", "calling", "training", "over"]
    run: str
    addresses: tuple[str, ...]
    arguments: dict[str, Any] | None = None
    admitted: dict[int, str] = {}


class HostNotice(Notice):
    """What any other host tells.

    Attributes:
      state: "here": it waits to be admitted, or trains; "over": it no longer does.
      answers: the nonce of the first host's notice that it answers.
    """

    state: Literal["here", "over"]
    answers: str


N = TypeVar("N", bound=Notice)


def path_of(folder: Path, number: int) -> Path:
    """Where the notice of a host lies; 0 is the first one."""
    return folder / ("first.json" if number == 0 else f"host-{number}.json")


def read(kind: type[N], path: Path) -> N | None:
    """The notice as it is now; none where there is none that can be read."""
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):  # of a network disk, or of other code: no notice of ours
        return None


class Own:
    """The notice of this process; it is told again with each change.

    Args:
      path: of its file.
      notice: what it begins with.
    """

    def __init__(self, path: Path, notice: Notice) -> None:
        self._path, self._notice = path, notice

    def tell(self, **changes: Any) -> None:
        """Writes the notice with these changes and the next beat, whole or not at all."""
        self._notice = self._notice.model_copy(update={**changes, "beat": self._notice.beat + 1})
        staging = self._path.with_name(f".{self._path.name}.{self._notice.nonce}")
        staging.write_text(self._notice.model_dump_json(), encoding="utf-8")
        staging.replace(self._path)

    def beat(self) -> None:
        """Lets the others see that this process lives; where the disk fails for once, the next time."""
        with suppress(OSError):
            self.tell()

    def withdraw(self) -> None:
        """Takes it back, unless it tells of an end, or another process has written its own there since."""
        if self._notice.state == "over":
            return
        now = read(Notice, self._path)
        if now and now.nonce == self._notice.nonce:
            with suppress(FileNotFoundError):
                self._path.unlink()


class Pulse:
    """Whether a host still lives, by the beats of its notice and this host's clock."""

    def __init__(self) -> None:
        self._last: tuple[str, int] | None = None
        self._since = time.monotonic()
        self.beats = False

    def feel(self, notice: Notice | None) -> None:
        """Looks at the notice as it is now. ``beats`` is true once it has changed between two looks at one process."""
        now = (notice.nonce, notice.beat) if notice else None
        if now != self._last:
            self.beats = bool(now and self._last and now[0] == self._last[0])
            self._last, self._since = now, time.monotonic()

    @property
    def silent(self) -> bool:
        """Whether there was no beat for so long that the host must be taken for dead."""
        return time.monotonic() - self._since > SILENCE
