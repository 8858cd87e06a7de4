"""The server's pipelines, their versions, and recurring runs."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kfp_server_api

from pipeline.runners.kubeflow.client.connection import Client, Request, Say

_PAGE = 100


def deploy(client: Client, name: str, file: str) -> tuple[str, str, str, bool]:
    """Uploads a compiled file as a version of the pipeline, unless an identical one exists.

    Returns:
      (pipeline's id, version's id, version's name, whether it existed).
    """
    digest = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    version_name = f"{name}-{digest[:12]}"
    pipeline = find(client, name)
    pipeline_id = pipeline.pipeline_id if pipeline else _create(client, name)
    if existing := _version(client, pipeline_id, version_name):
        return pipeline_id, existing, version_name, True
    version = client.upload_pipeline_version(file, version_name, pipeline_id=pipeline_id)
    return pipeline_id, version.pipeline_version_id, version_name, False


def find(client: Client, name: str) -> Any:
    """The pipeline of that name, or None."""
    found = _pages(lambda **page: client.list_pipelines(namespace=client.namespace, **page), "pipelines", name)
    return next((pipeline for pipeline in found if name in (pipeline.name, pipeline.display_name)), None)


def _version(client: Client, pipeline_id: str, name: str) -> str | None:
    found = _pages(lambda **page: client.list_pipeline_versions(pipeline_id, **page), "pipeline_versions", name)
    return next((version.pipeline_version_id for version in found if version.display_name == name), None)


def _create(client: Client, name: str) -> str:
    """Creates a pipeline without a version: an upload would name the first version after the pipeline."""
    body = client.api_models.V2beta1Pipeline(display_name=name, namespace=client.namespace)
    return str(client.pipelines.pipeline_service_create_pipeline(pipeline=body).pipeline_id)


def _where(key: str, value: str) -> str:
    """The API's filter for one value of a key."""
    return json.dumps({"predicates": [{"operation": "EQUALS", "key": key, "string_value": value}]})


def _pages(call: Callable[..., Any], key: str, name: str | None = None) -> Iterator[Any]:
    """All items of a list call, page by page; with ``name`` those of that display name."""
    token, chosen = "", None if name is None else _where("display_name", name)
    while True:
        answer = call(page_token=token, page_size=_PAGE, filter=chosen)
        yield from getattr(answer, key) or ()
        token = answer.next_page_token or ""
        if not token:
            return


def list_schedules(client: Client, _request: Request, _say: Say) -> dict[str, Any]:
    """All recurring runs by name, including those that others made."""
    listed = _pages(lambda **page: client.list_recurring_runs(namespace=client.namespace, **page), "recurring_runs")
    found = sorted(listed, key=lambda one: (one.display_name, _age(one)))
    return {"schedules": [_description(client, one) for one in found]}


def _description(client: Client, one: Any) -> dict[str, Any]:
    cron = one.trigger.cron_schedule if one.trigger else None
    periodic = one.trigger.periodic_schedule if one.trigger else None
    trigger = cron or periodic
    its_own = _where("recurring_run_id", one.recurring_run_id)
    order = "created_at desc"
    runs = client.list_runs(page_size=1, sort_by=order, experiment_id=one.experiment_id, filter=its_own).runs
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
        "version": _version_name(client, one.pipeline_version_reference),
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


def _version_name(client: Client, reference: Any) -> str | None:
    """The name of a version; None of a deleted one, or of a schedule with a file of its own."""
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
    found = _pages(
        lambda **page: client.list_recurring_runs(namespace=client.namespace, **page), "recurring_runs", name
    )
    return sorted((one for one in found if one.display_name == name), key=_age)


def _age(one: Any) -> tuple[str, str]:
    return str(one.created_at), str(one.recurring_run_id)


def is_enabled(one: Any) -> bool:
    """Whether it starts runs."""
    return bool(one.status == "ENABLED" or one.mode == "ENABLE")


def _iso(time: Any) -> str | None:
    return time.isoformat() if time is not None and time.year > 1970 else None
