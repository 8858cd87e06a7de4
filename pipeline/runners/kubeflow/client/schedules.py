"""Schedules: recurring runs that go by a name, of which one at most is enabled.

The API can neither change a recurring run nor keep its name unique. A schedule is replaced in four steps, in this
order: the new one is created disabled; the old ones are disabled; the new one is enabled; the old ones are deleted.
Cut off after any of them (kill -9), at most one is enabled, and the same command again mends it:

- after the first, the old one still runs, beside a new one that does not;
- after the second, none runs;
- after the third, the new one runs, beside old ones that do not.
"""

import hashlib
import json
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from pipeline.runners.kubeflow.client.connection import Client
from pipeline.runners.kubeflow.client.failures import Failed, Refused, told
from pipeline.runners.kubeflow.client.listing import every, is_enabled, note_of, of_name
from pipeline.runners.kubeflow.client.pipelines import deploy

Request = Mapping[str, Any]
Say = Callable[[dict[str, Any]], None]

_MADE_BY = "siamese kubeflow schedule"
_PAUSED = "stays paused"  # of one that was made while its forerunner was paused


def create(client: Client, request: Request, say: Say) -> dict[str, Any]:
    """Deploys the file and puts a new schedule in the place of those of its name."""
    name = request["name"]
    pipeline_id, version_id, version, reused = deploy(client, request["pipeline"], request["file"])
    say({"event": "deployed", "pipeline": request["pipeline"], "version": version, "reused": reused})
    before = of_name(client, name)
    _same_pipeline(name, before, pipeline_id)
    digest = _digest(version_id, request)
    paused = bool(before) and not any(map(is_enabled, before)) and (len(before) == 1 or _PAUSED in note_of(before[-1]))
    done = {"name": name, "version": version, "reused": reused, "paused": paused, "left": []}
    if len(before) == 1 and f"({digest})" in note_of(before[0]):
        return {**done, "recurring_run_id": before[0].recurring_run_id, "replaced": 0, "unchanged": True}
    note = f"{_MADE_BY} ({digest})" + (f", {_PAUSED}" if paused else "")
    new = _create_disabled(client, request, note, pipeline_id, version_id)
    with _uninterrupted():
        left = _put_in_place(client, name, new, paused)
    replaced = len({other.recurring_run_id for other in before})
    return {**done, "recurring_run_id": new, "replaced": replaced, "unchanged": False, "left": left}


def _digest(version_id: str, request: Request) -> str:
    """Of all that makes a schedule what it is; a schedule's description has it."""
    keys = ("trigger", "catch_up", "max_concurrency", "parameters", "pipeline_root", "service_account", "experiment")
    settings = [version_id, *(request[key] for key in keys)]
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def _create_disabled(client: Client, request: Request, note: str, pipeline_id: str, version_id: str) -> str:
    experiment = client.create_experiment(request["experiment"], namespace=client.get_user_namespace() or None)
    made = client.create_recurring_run(
        experiment_id=experiment.experiment_id,
        job_name=request["name"],
        description=note,
        max_concurrency=request["max_concurrency"],
        no_catchup=not request["catch_up"],
        params=request["parameters"],
        pipeline_id=pipeline_id,
        version_id=version_id,
        enabled=False,
        pipeline_root=request["pipeline_root"],
        service_account=request["service_account"],
        **request["trigger"],
    )
    return str(made.recurring_run_id)


def _put_in_place(client: Client, name: str, new: str, paused: bool) -> list[str]:
    """The steps after the first.

    Returns:
      What is left of the old ones, in a sentence each: disabled, but not deleted.

    Raises:
      Failed: the new one is not in place; the sentence says what is.
    """
    stopped: list[str] = []
    try:
        others = [other for other in of_name(client, name) if other.recurring_run_id != new]
        for other in filter(is_enabled, others):
            client.disable_recurring_run(other.recurring_run_id)
            stopped.append(other.recurring_run_id)
        if not paused:
            client.enable_recurring_run(new)
    except Exception as error:
        sentence, _ = told(error, client.address)
        raise Failed(f"{sentence}; {_undone(client, new, stopped)}") from error
    left = _delete(client, others)
    _alone(client, name, new)
    return left


def _left(client: Client, old: str) -> str:
    """Deletes one that is disabled; why it could not be, which is no reason to fail."""
    try:
        client.delete_recurring_run(old)
    except Exception as error:  # noqa: BLE001 - whatever it was, it is told
        return f"{old}: disabled, but not deleted: {told(error, client.address)[0]}"
    return ""


def _undone(client: Client, new: str, stopped: list[str]) -> str:
    """Takes the new one away and lets the old one run again; what came of it, in words."""
    try:
        client.delete_recurring_run(new)  # first: it may be enabled, where only the answer was lost
        for old in stopped:
            client.enable_recurring_run(old)
    except Exception:  # noqa: BLE001 - the server that did not answer before
        running = "the schedule may be stopped" if stopped else "the old schedule goes on"
        return f"{running}; the same command again mends it"
    return "the old schedule goes on as before"


def _alone(client: Client, name: str, new: str) -> None:
    """Raises Failed where a command elsewhere replaced the schedule at the same time."""
    others = [other for other in of_name(client, name) if other.recurring_run_id != new and is_enabled(other)]
    if others:
        client.disable_recurring_run(new)
        raise Failed(f"schedule {name}: another command replaced it at the same time; run this one again")


def pause(client: Client, request: Request, _say: Say) -> dict[str, Any]:
    """Disables all of the name; the newest stays."""
    found = _some(client, request["name"])
    _disable(client, found)
    return {"name": request["name"], "left": _delete(client, found[:-1])}


def resume(client: Client, request: Request, _say: Say) -> dict[str, Any]:
    """Enables the newest of the name, after all others are disabled; it alone stays."""
    *others, newest = _some(client, request["name"])
    with _uninterrupted():
        _disable(client, others)
        client.enable_recurring_run(newest.recurring_run_id)
    return {"name": request["name"], "left": _delete(client, others)}


def delete(client: Client, request: Request, _say: Say) -> dict[str, Any]:
    """Deletes all of the name, after all are disabled."""
    found = _some(client, request["name"])
    _disable(client, found)
    for one in found:
        client.delete_recurring_run(one.recurring_run_id)
    return {"name": request["name"]}


def _disable(client: Client, found: list[Any]) -> None:
    for one in filter(is_enabled, found):
        client.disable_recurring_run(one.recurring_run_id)


def _delete(client: Client, found: list[Any]) -> list[str]:
    """Deletes what is disabled; what is left of it, in a sentence each: no reason to fail."""
    return [sentence for one in found if (sentence := _left(client, one.recurring_run_id))]


def _some(client: Client, name: str) -> list[Any]:
    found = of_name(client, name)
    if not found:
        raise Refused(f"schedule {name}: there is none of that name (siamese kubeflow schedule list)")
    return found


def _same_pipeline(name: str, found: list[Any], pipeline_id: str) -> None:
    for one in found:
        reference = one.pipeline_version_reference
        if reference is None or reference.pipeline_id != pipeline_id:
            raise Refused(
                f"schedule {name}: one of that name runs another pipeline; choose another name, or delete it first "
                f"(siamese kubeflow schedule delete {name})"
            )


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """No Ctrl-C, no polite end between disabling the old and enabling the new."""
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, signal.SIG_IGN) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            with suppress(ValueError):
                signal.signal(kind, handler)


OPERATIONS = {
    "schedule": create,
    "schedules": every,
    "pause": pause,
    "resume": resume,
    "delete": delete,
}
