"""Schedules: recurring runs with a name, of which at most one is enabled.

The API can neither change a recurring run nor keep its name unique. A schedule is replaced in four steps, in this
order: the new one is created disabled; the old ones are disabled; the new one is enabled; the old ones are deleted.
Interrupted after any of them (kill -9), at most one is enabled, and running the same command again completes it:

- after the first, the old one still runs, beside a new one that does not;
- after the second, none runs;
- after the third, the new one runs, beside old ones that do not.
"""

import hashlib
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pipeline.runners.kubeflow.client.catalog import deploy, is_enabled, list_schedules, of_name
from pipeline.runners.kubeflow.client.connection import Client, Failed, Refused, Request, Say, explain

_MADE_BY = "siamese kubeflow schedule"
_PAUSED = "stays paused"  # in the description of one that replaced a paused one


def create(client: Client, request: Request, say: Say) -> dict[str, Any]:
    """Deploys the file and replaces the schedules of that name by a new one."""
    name = request["name"]
    pipeline_id, version_id, version, reused = deploy(client, request["pipeline"], request["file"])
    say({"event": "deployed", "pipeline": request["pipeline"], "version": version, "reused": reused})
    before = of_name(client, name)
    _same_pipeline(name, before, pipeline_id)
    digest = _digest(version_id, request)
    paused = (
        bool(before)
        and not any(map(is_enabled, before))
        and (len(before) == 1 or _PAUSED in (before[-1].description or ""))
    )
    done = {"name": name, "version": version, "reused": reused, "paused": paused, "undeleted": []}
    if len(before) == 1 and f"({digest})" in (before[0].description or ""):
        return {**done, "recurring_run_id": before[0].recurring_run_id, "replaced": 0, "unchanged": True}
    note = f"{_MADE_BY} ({digest})" + (f", {_PAUSED}" if paused else "")
    new = _create_disabled(client, request, note, pipeline_id, version_id)
    with _uninterrupted():
        undeleted = _switch_to(client, name, new, paused)
    replaced = len({other.recurring_run_id for other in before})
    return {**done, "recurring_run_id": new, "replaced": replaced, "unchanged": False, "undeleted": undeleted}


def _digest(version_id: str, request: Request) -> str:
    """The digest of a schedule's settings, which is kept in its description."""
    keys = ("trigger", "catch_up", "max_concurrency", "parameters", "pipeline_root", "service_account", "experiment")
    settings = [version_id, *(request[key] for key in keys)]
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def _create_disabled(client: Client, request: Request, note: str, pipeline_id: str, version_id: str) -> str:
    made = client.create_recurring_run(
        experiment_id=client.experiment_id(request["experiment"]),
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


def _switch_to(client: Client, name: str, new: str, paused: bool) -> list[str]:
    """The steps after the first; returns what ``_delete`` does.

    Raises:
      Failed: the new one is not enabled; the message says which one is.
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
        message, _ = explain(error, client.address)
        raise Failed(f"{message}; {_undo(client, new, stopped)}") from error
    undeleted = _delete(client, others)
    _check_alone(client, name, new)
    return undeleted


def _delete(client: Client, found: list[Any]) -> list[str]:
    """Deletes disabled ones; those that could not be deleted, with the reason: a warning, not a failure."""
    return list(filter(None, (_delete_one(client, one.recurring_run_id) for one in found)))


def _delete_one(client: Client, schedule: str) -> str | None:
    try:
        client.delete_recurring_run(schedule)
    except Exception as error:  # noqa: BLE001 - every failure is a warning
        return f"{schedule}: disabled, but not deleted: {explain(error, client.address)[0]}"
    return None


def _undo(client: Client, new: str, stopped: list[str]) -> str:
    """Deletes the new one and enables the old one again; returns a message about the result."""
    try:
        client.delete_recurring_run(new)  # first: it may be enabled, where only the answer was lost
        for old in stopped:
            client.enable_recurring_run(old)
    except Exception:  # noqa: BLE001 - the server that did not answer before
        running = "the schedule may be stopped" if stopped else "the old schedule is still active"
        return f"{running}; run the same command again"
    return "the old schedule is still active"


def _check_alone(client: Client, name: str, new: str) -> None:
    """Raises Failed where a command elsewhere replaced the schedule at the same time."""
    others = [other for other in of_name(client, name) if other.recurring_run_id != new and is_enabled(other)]
    if others:
        client.disable_recurring_run(new)
        raise Failed(f"schedule {name}: another command replaced it at the same time; run this one again")


def pause(client: Client, request: Request, _say: Say) -> dict[str, Any]:
    """Disables all of the name, and deletes all but the newest."""
    found = _some(client, request["name"])
    _disable(client, found)
    return {"name": request["name"], "undeleted": _delete(client, found[:-1])}


def resume(client: Client, request: Request, _say: Say) -> dict[str, Any]:
    """Enables the newest of the name, after disabling all others, which are deleted."""
    *others, newest = _some(client, request["name"])
    with _uninterrupted():
        _disable(client, others)
        client.enable_recurring_run(newest.recurring_run_id)
    return {"name": request["name"], "undeleted": _delete(client, others)}


def delete(client: Client, request: Request, _say: Say) -> dict[str, Any]:
    """Deletes all of the name, after disabling them."""
    found = _some(client, request["name"])
    _disable(client, found)
    for one in found:
        client.delete_recurring_run(one.recurring_run_id)
    return {"name": request["name"]}


def _disable(client: Client, found: list[Any]) -> None:
    for one in filter(is_enabled, found):
        client.disable_recurring_run(one.recurring_run_id)


def _some(client: Client, name: str) -> list[Any]:
    found = of_name(client, name)
    if not found:
        message = f"schedule {name}: no such schedule; list them: siamese kubeflow schedule list"
        raise Refused(message, code="kubeflow-unknown-schedule")
    return found


def _same_pipeline(name: str, found: list[Any], pipeline_id: str) -> None:
    for one in found:
        reference = one.pipeline_version_reference
        if reference is None or reference.pipeline_id != pipeline_id:
            message = (
                f"schedule {name}: exists, and runs another pipeline; choose another name, or delete it: "
                f"siamese kubeflow schedule delete {name}"
            )
            raise Refused(message, code="kubeflow-schedule-of-another-pipeline")


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ignores SIGINT and SIGTERM between disabling the old ones and enabling the new one."""
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, signal.SIG_IGN) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            with suppress(ValueError):
                signal.signal(kind, handler)


OPERATIONS = {"schedule": create, "schedules": list_schedules, "pause": pause, "resume": resume, "delete": delete}
