"""Adding and removing versions of a serving folder: the steps that a push and a rollback share.

Every step is recorded before it is taken, so that the next writer finds and records what was interrupted.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from absl import logging

from components.serving_folder.history import ENDED, Event, ServingHistory, claimed
from components.serving_folder.local_folder import STALE
from components.serving_folder.storage import (
    HIGHEST,
    ModelFiles,
    ServingStorage,
    file_digests,
    model_digest,
    user_errors,
)
from models.errors import UserError


@contextlib.contextmanager
def writing(storage: ServingStorage, needed: int) -> Iterator[ServingHistory]:
    """Locks the folder, removes interrupted pushes and checks that ``needed`` bytes fit; yields the history.

    Raises:
      UserError: the storage is full or cannot be written to.
    """
    with user_errors(storage.address):
        storage.create()
        with storage.lock() as locked:
            _recover(storage, locked)
            storage.check_space(needed)
            yield history_of(storage)


def history_of(storage: ServingStorage) -> ServingHistory:
    """The history of a serving folder."""
    return ServingHistory.of(storage.records(), storage.versions())


def serves_already(storage: ServingStorage, history: ServingHistory, source: ModelFiles) -> bool:
    """Whether the model that serves is this one, undamaged."""
    current = history.serving
    if current is None or model_digest(storage.files(current)) != model_digest(source):
        return False
    return not damaged(storage, history, current)


def damaged(storage: ServingStorage, history: ServingHistory, version: int) -> str:
    """What differs from the version that was pushed, in a phrase; empty if nothing does or nothing was recorded."""
    added = history.added(version)
    return damage(file_digests(storage.files(version)), added) if added else ""


def damage(found: Mapping[str, str], added: Event) -> str:
    """What differs from the files that were pushed; empty if nothing does, or if they were not recorded."""
    differing = next((name for name, digest in added.files.items() if found.get(name) != digest), None)
    if differing is None:
        return ""
    return f"{differing} is " + ("not as it was pushed" if differing in found else "missing")


def publish(storage: ServingStorage, history: ServingHistory, source: ModelFiles, **what: Any) -> int:
    """Copies ``source`` to a new, highest version, within ``writing``; returns it.

    Args:
      **what: fields of ``Event``: the action, the reason, who; None for its default.
    """
    digests = file_digests(source)
    what = {key: value for key, value in what.items() if value is not None}
    event = Event(**what, version=0, replaced=history.serving, model_digest=model_digest(source), files=digests)
    claims: list[Event] = []

    def claim() -> int:
        claims.append(_claim(storage, event))
        return claims[-1].version

    try:
        return storage.put(source, digests, claim)
    except BaseException as error:
        reason = f"nothing was pushed: {' '.join(str(error).split())[:300] or type(error).__name__}"
        with contextlib.suppress(Exception):  # otherwise the next writer records it
            for one in claims:
                _record_end(storage, one, "failed", reason)
        raise


def prunable(history: ServingHistory, keep: int) -> list[int]:
    """The versions beyond ``keep``; kept are the one that serves, the target of a rollback, then the newest.

    With ``keep`` 1 no rollback is possible.
    """
    if history.serving is None:
        return []
    wanted = [history.serving, history.rollback_target(), *reversed(history.complete)]
    order = dict.fromkeys(version for version in wanted if version in history.complete)
    kept = list(order)[: max(keep, 1)]
    return [version for version in history.complete if version not in kept]


def prune(storage: ServingStorage, keep: int) -> None:
    """Removes the versions beyond ``keep``; a failure is logged and recorded."""
    history = history_of(storage)
    for version in prunable(history, keep):
        event = Event(
            action="prune", version=version, serving=history.serving, reason=f"beyond the {keep} versions that are kept"
        )
        try:
            storage.add_record(event.name, event.content())
            storage.remove(version)
        except Exception as error:  # noqa: BLE001 - the push is done; stores raise any class
            reason = f"could not be removed: {' '.join(str(error).split())[:300] or type(error).__name__}"
            logging.warning("%s: %s", storage.version_address(version), reason)
            failed = event.model_copy(update={"action": "prune failed", "reason": reason})
            with contextlib.suppress(Exception):
                storage.add_record(failed.name, failed.content())


def _claim(storage: ServingStorage, draft: Event) -> Event:
    """Reserves a number higher than any before, by creating its record if none exists."""
    while True:
        taken = storage.numbers() | claimed(storage.record_names())
        version = max(int(time.time()), max(taken, default=0) + 1)
        if version > HIGHEST:
            message = f"{storage.address}: version {max(taken)} exists, and no higher number is possible; remove it"
            raise UserError(message, "model-version-limit")
        event = draft.model_copy(update={"version": version})
        if storage.add_record(event.name, event.content()):
            return event


def _recover(storage: ServingStorage, locked: bool) -> None:
    """Removes and records interrupted pushes; versions without a record get one."""
    records = storage.records()
    history = ServingHistory.of(records, storage.versions())
    now = datetime.now(timezone.utc)
    # Without a lock, a claim of the last hour may be of an active writer.
    lost = [one for one in history.unfinished() if locked or (now - one.at).total_seconds() > STALE]
    over = {one.version for one in history.events if one.action in ENDED}
    try:
        storage.clean({*over, *(one.version for one in lost)} & storage.numbers(), locked)
    except Exception as error:  # noqa: BLE001 - stores raise any class; leftovers do no harm
        logging.warning("%s: the rest of an earlier push cannot be removed: %s", storage.address, error)
    for one in lost:
        _record_end(
            storage, one, "missing", "it does not exist: the push was interrupted, or the version was deleted by hand"
        )
    for version in history.complete:
        if f"{version}.json" not in records and (found := history.added(version)):
            files = storage.files(version)
            event = found.model_copy(update={"model_digest": model_digest(files), "files": file_digests(files)})
            storage.add_record(event.name, event.content())


def _record_end(storage: ServingStorage, event: Event, action: str, reason: str) -> None:
    end = Event.model_validate(
        {"action": action, "version": event.version, "reason": reason, "run_id": event.run_id, "by": event.by}
    )
    storage.add_record(end.name, end.content())
