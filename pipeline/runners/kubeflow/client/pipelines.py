"""Pipelines on the server and their versions."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipeline.runners.kubeflow.client.connection import Client

PAGE = 100


def deploy(client: Client, name: str, file: str) -> tuple[str, str, str, bool]:
    """Uploads a compiled file as a version of the pipeline, unless the very same one is there.

    Returns:
      (pipeline's id, version's id, version's name, whether it was there).
    """
    digest = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    version_name = f"{name}-{digest[:12]}"
    pipeline = find(client, name)
    pipeline_id = pipeline.pipeline_id if pipeline else _create(client, name)
    if there := _version(client, pipeline_id, version_name):
        return pipeline_id, there, version_name, True
    version = client.upload_pipeline_version(file, version_name, pipeline_id=pipeline_id)
    return pipeline_id, version.pipeline_version_id, version_name, False


def find(client: Client, name: str) -> Any:
    """The pipeline of that name; None where there is none."""
    namespace = client.get_user_namespace() or None
    found = pages(lambda **page: client.list_pipelines(namespace=namespace, **page), "pipelines", named(name))
    return next((pipeline for pipeline in found if name in (pipeline.name, pipeline.display_name)), None)


def _version(client: Client, pipeline_id: str, name: str) -> str | None:
    found = pages(lambda **page: client.list_pipeline_versions(pipeline_id, **page), "pipeline_versions", named(name))
    return next((version.pipeline_version_id for version in found if version.display_name == name), None)


def _create(client: Client, name: str) -> str:
    """A pipeline without a version: an upload would give its first one the pipeline's name."""
    body = client.api_models.V2beta1Pipeline(display_name=name, namespace=client.get_user_namespace() or None)
    return str(client.pipelines.pipeline_service_create_pipeline(pipeline=body).pipeline_id)


def named(name: str) -> str:
    """The filter for a display name, as the API has it."""
    return where("display_name", name)


def where(key: str, value: str) -> str:
    """The filter for one value of a key, as the API has it."""
    return json.dumps({"predicates": [{"operation": "EQUALS", "key": key, "string_value": value}]})


def pages(call: Callable[..., Any], key: str, filter_json: str | None = None) -> Iterator[Any]:
    """Everything that a list call gives, page by page."""
    token = ""
    while True:
        answer = call(page_token=token, page_size=PAGE, filter=filter_json)
        yield from getattr(answer, key) or ()
        token = answer.next_page_token or ""
        if not token:
            return
