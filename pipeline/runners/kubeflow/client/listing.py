"""Recurring runs as the server has them."""

from collections.abc import Callable, Mapping
from typing import Any

import kfp_server_api

from pipeline.runners.kubeflow.client.connection import Client
from pipeline.runners.kubeflow.client.pipelines import named, pages, where

Request = Mapping[str, Any]
Say = Callable[[dict[str, Any]], None]


def every(client: Client, _request: Request, _say: Say) -> dict[str, Any]:
    """What there is, by name; of those that others made, too."""
    namespace = client.get_user_namespace() or None
    found = pages(lambda **page: client.list_recurring_runs(namespace=namespace, **page), "recurring_runs")
    return {"schedules": [_told(client, one) for one in sorted(found, key=lambda one: (one.display_name, _age(one)))]}


def _told(client: Client, one: Any) -> dict[str, Any]:
    cron = one.trigger.cron_schedule if one.trigger else None
    periodic = one.trigger.periodic_schedule if one.trigger else None
    trigger = cron or periodic
    runs = client.list_runs(
        page_size=1,
        sort_by="created_at desc",
        experiment_id=one.experiment_id,
        filter=where("recurring_run_id", one.recurring_run_id),
    ).runs
    last = runs[0] if runs else None
    return {
        "name": one.display_name,
        "recurring_run_id": one.recurring_run_id,
        "enabled": is_enabled(one),
        "cron": cron.cron if cron else None,
        "interval": int(periodic.interval_second) if periodic else None,
        "start": _iso(trigger.start_time if trigger else None),
        "end": _iso(trigger.end_time if trigger else None),
        "catch_up": not one.no_catchup,
        "max_concurrency": int(one.max_concurrency or 1),
        "version": _version(client, one.pipeline_version_reference),
        "created": _iso(one.created_at),
        "last": {
            "run_id": last.run_id,
            "state": last.state,
            "created": _iso(last.created_at),
            "scheduled": _iso(last.scheduled_at),
        }
        if last
        else None,
    }


def _version(client: Client, reference: Any) -> str | None:
    """The name of a version; None of one that is deleted, or of a schedule that has its file with it."""
    if reference is None:
        return None
    try:
        found = client.get_pipeline_version(reference.pipeline_id, reference.pipeline_version_id)
    except kfp_server_api.ApiException as error:
        if error.status != 404:
            raise
        return None
    return str(found.display_name)


def of_name(client: Client, name: str) -> list[Any]:
    """All recurring runs of a name, oldest first."""
    namespace = client.get_user_namespace() or None
    found = pages(lambda **page: client.list_recurring_runs(namespace=namespace, **page), "recurring_runs", named(name))
    return sorted((one for one in found if one.display_name == name), key=_age)


def _age(one: Any) -> tuple[str, str]:
    return str(one.created_at), str(one.recurring_run_id)


def is_enabled(one: Any) -> bool:
    """Whether it starts runs."""
    return bool(one.status == "ENABLED" or one.mode == "ENABLE")


def note_of(one: Any) -> str:
    """Its description, where this project keeps what it knows of it."""
    return one.description or ""


def _iso(time: Any) -> str | None:
    return time.isoformat() if time is not None and time.year > 1970 else None
