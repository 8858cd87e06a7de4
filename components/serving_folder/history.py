"""Who replaced what and why: append-only records beside the versions, and what follows from them."""

import getpass
import os
import platform
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal

from absl import logging
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Action = Literal["push", "rollback", "found", "failed", "missing", "prune", "prune failed"]

# Of these a number has one: it is written before the version appears and claims the number.
ARRIVALS = ("push", "rollback", "found")
# The end of a number; where the version is there all the same, something came between: they mean nothing.
DEPARTURES = ("failed", "missing", "prune")


def _now() -> datetime:
    return datetime.now(timezone.utc)


def actor() -> str:
    """``user@host`` of this process."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    return f"{user}@{platform.node()}"


class Event(BaseModel):
    """One record: something happened to ``version``.

    Actions: ``push``; ``rollback`` (``version`` has the bytes of ``restored``); ``found`` (a version that came without
    a record); ``failed`` (a push that told why); ``missing`` (a push that was cut off, or a version that somebody
    deleted); ``prune``; ``prune failed``.
    """

    model_config = ConfigDict(frozen=True)

    action: Action
    version: int
    at: datetime = Field(default_factory=_now)
    by: str = Field(default_factory=actor)
    reason: str = ""
    replaced: int | None = None  # what served until then
    restored: int | None = None  # by a rollback
    serving: int | None = None  # what served when a version was removed: its place in the order of events
    model_digest: str | None = None
    files: dict[str, str] = {}  # SHA-256 by name
    run_id: str | None = None
    config_digest: str | None = None
    id: str = Field(default_factory=lambda: secrets.token_hex(8))  # no two records are the same bytes

    @property
    def known_at(self) -> datetime | None:
        """When it happened; none for a version found without a record whose number is no time."""
        return None if self.action == "found" and not _is_time(self.version) else self.at

    @property
    def name(self) -> str:
        """The record's name: claims of one number have the same."""
        return f"{self.version}.json" if self.action in ARRIVALS else f"{self.version}.{self.action.split()[-1]}.json"

    def content(self) -> bytes:
        """The record."""
        return (self.model_dump_json(indent=2, exclude_none=True) + "\n").encode()


@dataclass(frozen=True)
class Trail:
    """The events of a serving folder, in order, and the versions that are there.

    Attributes:
      complete: the complete versions, ascending.
      events: by the version they are about or, for removals, the one that served: clocks may be wrong, versions rise.
    """

    complete: tuple[int, ...]
    events: tuple[Event, ...]

    @property
    def serving(self) -> int | None:
        """The version that serves."""
        return self.complete[-1] if self.complete else None

    def arrival(self, version: int) -> Event | None:
        """How a version came."""
        return next((one for one in self.events if one.version == version and one.action in ARRIVALS), None)

    def before(self, version: int) -> int | None:
        """The version that served before this one; before a rollback, what served before the version it restored.

        So going back twice goes back two models, not to and fro.
        """
        event = self._origin(version)
        return event.replaced if event else None

    def origin(self) -> Event | None:
        """How the model that serves came in the first place: its push, though rollbacks may have brought it back."""
        return self._origin(self.serving) if self.serving is not None else None

    def _origin(self, version: int) -> Event | None:
        event = self.arrival(version)
        while event and event.action == "rollback" and event.restored is not None and event.restored < event.version:
            event = self.arrival(event.restored)
        return event

    def rollback_target(self) -> int | None:
        """The version to go back to: what served before with other bytes, or a copy of it where that was removed."""
        now = self._model(self.serving)
        version = self.before(self.serving) if self.serving is not None else None
        while version is not None:
            copies = [one for one in self.complete if one != self.serving and self._model(one) == self._model(version)]
            there = [version] if version in self.complete else copies[-1:]
            if there and (now is None or self._model(there[0]) != now):
                return there[0]
            version = self.before(version)
        return None

    def rolled_back(self, model_digest: str) -> Event | None:
        """The rollback that took this very model out of service, unless it was brought back since."""
        taken: Event | None = None
        for event in self.events:
            if event.action not in ARRIVALS:
                continue
            if event.model_digest == model_digest:
                taken = None
            elif event.action == "rollback" and self._model(event.replaced) == model_digest:
                taken = event
        return taken

    def _model(self, version: int | None) -> str | None:
        event = self.arrival(version) if version is not None else None
        return event.model_digest if event else None

    def unfinished(self) -> list[Event]:
        """Claims of numbers that are not there, and of which nothing says why."""
        told = {one.version for one in self.events if one.action in DEPARTURES} | set(self.complete)
        return [one for one in self.events if one.action in ARRIVALS and one.version not in told]


def read_trail(records: Mapping[str, bytes], complete: Iterable[int]) -> Trail:
    """The trail from what is stored; a version without a record gets one that says so."""
    versions = tuple(sorted(complete))
    events = [event for name, content in records.items() if (event := _read(name, content))]
    known = {event.version for event in events if event.action in ARRIVALS}
    for previous, version in zip((None, *versions), versions):  # noqa: B905 - one is longer by one
        if version not in known:
            reason = "found without a record: from before there was one, or put there by another tool"
            events.append(
                Event(
                    action="found", version=version, at=_made(version), by="unknown", replaced=previous, reason=reason
                )
            )
    true = (one for one in events if one.action not in DEPARTURES or one.version not in versions)
    return Trail(versions, tuple(sorted(true, key=_order)))


def claimed(names: Iterable[str]) -> set[int]:
    """The numbers that records of these names are about, whatever came of them: they are not used again."""
    return {int(stem) for name in names if (stem := name.partition(".")[0]).isdecimal()}


def _read(name: str, content: bytes) -> Event | None:
    try:
        return Event.model_validate_json(content)
    except ValidationError:
        logging.warning("serving history: %s is not readable and left out", name)
        return None


def _made(version: int) -> datetime:
    """When a version without a record was made, as far as its number tells: it is a time, unless the clock was off."""
    return datetime.fromtimestamp(version, timezone.utc) if _is_time(version) else _now()


def _is_time(version: int) -> bool:
    return 10**9 < version <= _now().timestamp()


def _order(event: Event) -> tuple[int, bool, int]:
    late = event.action not in ARRIVALS
    return (event.serving if late and event.serving is not None else event.version, late, event.version)
