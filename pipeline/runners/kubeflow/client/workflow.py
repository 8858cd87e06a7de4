"""What Argo's workflow says of a run's pods: their names, and why they failed. Pure: no SDK, no network.

The API server stores the workflow of each run, and returns it in ``pipeline_runtime.workflow_manifest`` of v1beta1
(backend/src/apiserver/server/api_converter.go); the tasks of v2beta1 have neither the pods' names nor Argo's messages.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_NUMBER = re.compile(r"\(\d+\)")  # of an attempt, at any level: defaults may give every template a retry
_ATTEMPT = re.compile(r"\.root\.([^.]+)\.executor")
_DRIVER = re.compile(r"\.root\.([^.]+)-driver")


class Pod(NamedTuple):
    """A pod by its name; ``message``: Argo's, why it failed."""

    name: str
    message: str = ""


class Workflow(NamedTuple):
    """The pods of a run.

    Attributes:
      name: of Argo's workflow.
      namespace: of its pods.
      created: the day, as 2026-11-23.
      attempts: node -> the pods of its attempts, oldest first.
      drivers: node -> the pods of its driver, oldest first.
    """

    name: str
    namespace: str
    created: str
    attempts: dict[str, list[Pod]]
    drivers: dict[str, list[Pod]]


def parse_workflow(manifest: str) -> Workflow | None:
    """The workflow of a manifest, JSON; None where it has none of these fields."""
    try:
        workflow = json.loads(manifest)
        metadata = workflow["metadata"]
        name, namespace = str(metadata["name"]), str(metadata["namespace"])
        old_names = (metadata.get("annotations") or {}).get("workflows.argoproj.io/pod-name-format") == "v1"
        found = Workflow(name, namespace, str(metadata.get("creationTimestamp") or "")[:10], {}, {})
        nodes = ((workflow.get("status") or {}).get("nodes") or {}).values()
        for node in sorted(_pods(nodes), key=lambda node: (str(node.get("startedAt") or ""), node["name"])):
            path = _NUMBER.sub("", node["name"].removeprefix(name))
            for pattern, pods in ((_ATTEMPT, found.attempts), (_DRIVER, found.drivers)):
                if match := pattern.fullmatch(path):
                    pod = node["id"] if old_names else _pod_name(name, node)
                    pods.setdefault(match[1], []).append(Pod(pod, str(node.get("message") or "")))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return found


def _pods(nodes: Any) -> Iterator[Mapping[str, Any]]:
    return (node for node in nodes if node.get("type") == "Pod")


def _pod_name(workflow: str, node: Mapping[str, Any]) -> str:
    """As RetrievePodName of backend/src/common/util/workflow.go."""
    return f"{workflow}-{node['templateName']}-{node['id'].rpartition('-')[2]}"
