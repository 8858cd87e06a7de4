"""The log of a node, read from its pod through the server; deleted pods may still have an archived log."""

import json
from collections.abc import Mapping
from typing import Any

import kfp_server_api
from urllib3.exceptions import HTTPError

from pipeline.runners.kubeflow.client.connection import Client
from pipeline.runners.kubeflow.client.failures import Refused
from pipeline.runners.kubeflow.client.steps import pods, with_metadata

# In every version from 2.0 to 2.17 (backend/src/apiserver/main.go); the node is the name of its pod.
_LOG = "/apis/v1alpha1/runs/{run_id}/nodes/{node_id}/log"


def events(client: Client, run_id: str, workflow: str, node: str, attempt: int, metadata: Any) -> list[dict[str, Any]]:
    """The events in the log of a node's attempt; empty where the log is not available.

    Args:
      client: of the server.
      run_id: of the run.
      workflow: Argo's name of it.
      node: of the pipeline.
      attempt: from 1.
      metadata: (annotations, labels) of the node's pods: how many.
    """
    names = pods(workflow, node, attempt)
    named = with_metadata(names, *metadata) if any(metadata) else names
    return next((found for pod in named if (found := _read(client, run_id, pod)) is not None), [])


def _read(client: Client, run_id: str, pod: str) -> list[dict[str, Any]] | None:
    try:
        answer = client.api.call_api(
            _LOG,
            "GET",
            {"run_id": run_id, "node_id": pod},
            auth_settings=["Bearer"],
            _preload_content=False,
            _return_http_data_only=True,
        )
    except (kfp_server_api.ApiException, HTTPError, Refused):
        return None  # no pod of that name, or no log of it: logs are optional
    return parse(answer.data.decode(errors="replace"))


def parse(text: str) -> list[dict[str, Any]]:
    """The lines that are events; other lines, which the launcher writes between them, are ignored."""
    found = []
    for line in text.splitlines():
        if line.startswith("{"):
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and "event" in event:
                found.append(event)
    return found


def last(found: list[dict[str, Any]], *names: str) -> dict[str, Any] | None:
    """The last event of one of these names."""
    return next((event for event in reversed(found) if event["event"] in names), None)


def metadata_counts(platform: Mapping[str, Any], label: str) -> tuple[int, int]:
    """(annotations, labels) that the platform document gives the pods of an executor: how many."""
    try:
        config = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"][label]["podMetadata"]
    except (KeyError, TypeError):
        return 0, 0
    return len(config.get("annotations") or {}), len(config.get("labels") or {})
