"""The history of a serving folder: append-only records of pushes, rollbacks and removals, and queries on them."""

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

# A version has one of these: it is written before the version appears, and claims the number.
ADDED = ("push", "rollback", "found")
# The end of a version; ignored if the version exists all the same.
ENDED = ("failed", "missing", "prune")


def _now() -> datetime:
    return datetime.now(timezone.utc)


def actor() -> str:
    """``user@host`` of this process."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # the user of a container without a name
        user = str(os.getuid())
    return f"{user}@{platform.node()}"


class Event(BaseModel):
    """One record: an event of ``version``.

    Actions: ``push``; ``rollback`` (``version`` has the bytes of ``restored``); ``found`` (a version without a
    record); ``failed`` (a push that failed, with the reason); ``missing`` (a push that was killed, or a version that
    was deleted by hand); ``prune``; ``prune failed``.
    """

    model_config = ConfigDict(frozen=True)

    action: Action
    version: int
    at: datetime = Field(default_factory=_now)
    by: str = Field(default_factory=actor)
    reason: str = ""
    replaced: int | None = None  # the version that served before
    restored: int | None = None  # by a rollback
    serving: int | None = None  # the version that served when this one was removed; orders the events
    model_digest: str | None = None
    files: dict[str, str] = {}  # SHA-256 by name
    run_id: str | None = None
    config_digest: str | None = None
    id: str = Field(default_factory=lambda: secrets.token_hex(8))  # makes the bytes of each record unique

    @property
    def known_at(self) -> datetime | None:
        """When it happened; None for a version without a record whose number is not a time."""
        return None if self.action == "found" and not _is_time(self.version) else self.at

    @property
    def name(self) -> str:
        """The record's name, equal for all claims of one number."""
        return f"{self.version}.json" if self.action in ADDED else f"{self.version}.{self.action.split()[-1]}.json"

    def content(self) -> bytes:
        """The record's bytes."""
        return (self.model_dump_json(indent=2, exclude_none=True) + "\n").encode()


@dataclass(frozen=True)
class ServingHistory:
    """The events of a serving folder, in order, and its complete versions.

    Attributes:
      complete: the complete versions, ascending.
      events: ordered by version or, for removals, by the version that served: clocks may be wrong, versions rise.
    """

    complete: tuple[int, ...]
    events: tuple[Event, ...]

    @classmethod
    def of(cls, records: Mapping[str, bytes], complete: Iterable[int]) -> "ServingHistory":
        """From stored records (name -> content) and versions; a version without a record gets a ``found`` event."""
        versions = tuple(sorted(complete))
        events = [event for name, content in records.items() if (event := _parsed(name, content))]
        known = {event.version for event in events if event.action in ADDED}
        for previous, version in zip((None, *versions), versions):  # noqa: B905 - one is longer by one
            if version not in known:
                reason = "found without a record: older than the history, or added by another tool"
                found = {"action": "found", "version": version, "at": _added_at(version), "by": "unknown"}
                events.append(Event.model_validate(found | {"replaced": previous, "reason": reason}))
        valid = (event for event in events if event.action not in ENDED or event.version not in versions)
        return cls(versions, tuple(sorted(valid, key=_order)))

    @property
    def serving(self) -> int | None:
        """The version that serves."""
        return self.complete[-1] if self.complete else None

    def added(self, version: int) -> Event | None:
        """The event that added a version."""
        return next((one for one in self.events if one.version == version and one.action in ADDED), None)

    def previous(self, version: int) -> int | None:
        """The version that served before this one; of a rollback, the one before the version it restored.

        So two rollbacks go back two models, and do not alternate.
        """
        event = self._origin(version)
        return event.replaced if event else None

    def origin(self) -> Event | None:
        """The push of the model that serves, also if a rollback restored it."""
        return self._origin(self.serving) if self.serving is not None else None

    def _origin(self, version: int) -> Event | None:
        event = self.added(version)
        while event and event.action == "rollback" and event.restored is not None and event.restored < event.version:
            event = self.added(event.restored)
        return event

    def rollback_target(self) -> int | None:
        """The version that a rollback restores: the previous different model, or a copy of it if that was removed."""
        now = self._model(self.serving)
        version = self.previous(self.serving) if self.serving is not None else None
        while version is not None:
            copies = [one for one in self.complete if one != self.serving and self._model(one) == self._model(version)]
            found = [version] if version in self.complete else copies[-1:]
            if found and (now is None or self._model(found[0]) != now):
                return found[0]
            version = self.previous(version)
        return None

    def rolled_back(self, model_digest: str) -> Event | None:
        """The rollback that replaced this model, unless the model was restored since."""
        replaced_by: Event | None = None
        for event in self.events:
            if event.action not in ADDED:
                continue
            if event.model_digest == model_digest:
                replaced_by = None
            elif event.action == "rollback" and self._model(event.replaced) == model_digest:
                replaced_by = event
        return replaced_by

    def _model(self, version: int | None) -> str | None:
        event = self.added(version) if version is not None else None
        return event.model_digest if event else None

    def unfinished(self) -> list[Event]:
        """Claims of versions that do not exist and have no end event."""
        ended = {one.version for one in self.events if one.action in ENDED} | set(self.complete)
        return [one for one in self.events if one.action in ADDED and one.version not in ended]


def claimed(names: Iterable[str]) -> set[int]:
    """The version numbers in the names of records; they are not used again."""
    return {int(stem) for name in names if (stem := name.partition(".")[0]).isdecimal()}


def _parsed(name: str, content: bytes) -> Event | None:
    try:
        return Event.model_validate_json(content)
    except ValidationError:
        logging.warning("serving history: %s cannot be read and is ignored", name)
        return None


def _added_at(version: int) -> datetime:
    """When a version without a record was added, by its number (a time in seconds)."""
    return datetime.fromtimestamp(version, timezone.utc) if _is_time(version) else _now()


def _is_time(version: int) -> bool:
    return 10**9 < version <= _now().timestamp()


def _order(event: Event) -> tuple[int, bool, int]:
    ended = event.action not in ADDED
    return (event.serving if ended and event.serving is not None else event.version, ended, event.version)
