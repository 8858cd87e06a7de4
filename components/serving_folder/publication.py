"""How a version comes to a serving folder and goes: what a push and a rollback have in common.

Every step is written down before it is taken, so that whatever is cut off is found and told by the next writer.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

from absl import logging

from components.serving_folder.backend import HIGHEST, ServingPlace, told
from components.serving_folder.history import DEPARTURES, Event, Trail, claimed, read_trail
from components.serving_folder.local_folder import STALE
from components.serving_folder.model_files import ModelFiles, file_digests, model_digest
from components.serving_folder.retention import expendable
from models.errors import UserError


@contextlib.contextmanager
def writing(place: ServingPlace, needed: int) -> Iterator[Trail]:
    """One writer at a time, in a place with room for ``needed`` bytes where what was cut off has been cleared.

    Raises:
      UserError: the place is full or cannot be written to.
    """
    with told(place.address):
        place.make()
        with place.alone() as alone:
            _recover(place, alone)
            place.check_room(needed)
            yield read_trail(place.records(), place.versions())


def serves_already(place: ServingPlace, trail: Trail, source: ModelFiles) -> bool:
    """Whether the model that serves is this one, and whole."""
    current = trail.serving
    if current is None or model_digest(place.files(current)) != model_digest(source):
        return False
    return not damaged(place, trail, current)


def damaged(place: ServingPlace, trail: Trail, version: int) -> str:
    """What of a version is not as it was pushed, in a phrase; empty where all is, or where nothing was recorded."""
    arrival = trail.arrival(version)
    return damage(file_digests(place.files(version)), arrival) if arrival else ""


def damage(found: Mapping[str, str], arrival: Event) -> str:
    """What differs from the files that were pushed; empty where nothing does, or where they were not recorded."""
    differing = next((name for name, digest in arrival.files.items() if found.get(name) != digest), None)
    if differing is None:
        return ""
    return f"{differing} is " + ("not as it was pushed" if differing in found else "missing")


def publish(place: ServingPlace, trail: Trail, source: ModelFiles, **what: Any) -> int:
    """Copies ``source`` to a new, highest version; returns it.

    Args:
      place: where, within ``writing``.
      trail: its history.
      source: the model.
      **what: of ``Event``: the action, the reason, who.
    """
    digests = file_digests(source)
    event = Event(**what, version=0, replaced=trail.serving, model_digest=model_digest(source), files=digests)
    claims: list[Event] = []

    def claim() -> int:
        claims.append(_claimed(place, event))
        return claims[-1].version

    try:
        return place.put(source, digests, claim)
    except BaseException as error:
        reason = f"nothing was pushed: {' '.join(str(error).split())[:300] or type(error).__name__}"
        with contextlib.suppress(Exception):  # the next writer tells it otherwise
            for one in claims:
                _departed(place, one, "failed", reason)
        raise


def prune(place: ServingPlace, keep: int) -> None:
    """Removes the versions beyond ``keep``; one that cannot be removed stays, and that is told."""
    trail = read_trail(place.records(), place.versions())
    for version in expendable(trail, keep):
        event = Event(action="prune", version=version, serving=trail.serving, reason=f"beyond the {keep} that are kept")
        try:
            place.add_record(event.name, event.content())
            place.remove(version)
        except Exception as error:  # noqa: BLE001 - the push is done: stores raise whatever they like
            reason = f"could not be removed: {' '.join(str(error).split())[:300] or type(error).__name__}"
            logging.warning("%s: %s", place.version_address(version), reason)
            failed = event.model_copy(update={"action": "prune failed", "reason": reason})
            with contextlib.suppress(Exception):
                place.add_record(failed.name, failed.content())


def _claimed(place: ServingPlace, draft: Event) -> Event:
    """Reserves a number higher than all that ever were: the record of it is made only where there is none."""
    while True:
        taken = place.numbers() | claimed(place.record_names())
        version = max(int(time.time()), max(taken, default=0) + 1)
        if version > HIGHEST:
            raise UserError(f"{place.address}: version {max(taken)} is there, and no number is higher; remove it")
        event = draft.model_copy(update={"version": version})
        if place.add_record(event.name, event.content()):
            return event


def _recover(place: ServingPlace, alone: bool) -> None:
    """Clears what was cut off and tells it; versions without a record get one."""
    records = place.records()
    trail = read_trail(records, place.versions())
    now = datetime.now(timezone.utc)
    # Without a lock, a claim of the last hour may be of a writer at work.
    lost = [one for one in trail.unfinished() if alone or (now - one.at).total_seconds() > STALE]
    over = {one.version for one in trail.events if one.action in DEPARTURES}
    try:
        place.clean({*over, *(one.version for one in lost)} & place.numbers(), alone)
    except Exception as error:  # noqa: BLE001 - stores raise whatever they like; what is left is in nobody's way
        logging.warning("%s: what an earlier push left cannot be removed: %s", place.address, error)
    for one in lost:
        _departed(place, one, "missing", "it is not there: the push was cut off, or somebody removed it")
    for version in trail.complete:
        if f"{version}.json" not in records and (found := trail.arrival(version)):
            files = place.files(version)
            event = found.model_copy(update={"model_digest": model_digest(files), "files": file_digests(files)})
            place.add_record(event.name, event.content())


def _departed(place: ServingPlace, event: Event, action: str, reason: str) -> None:
    gone = Event.model_validate(
        {"action": action, "version": event.version, "reason": reason, "run_id": event.run_id, "by": event.by}
    )
    place.add_record(gone.name, gone.content())
