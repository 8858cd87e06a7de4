"""The API's view of a run's nodes, which the backend makes from Argo's workflow. Runs in ``.venv-kubeflow``.

Written from backend/src/v2/compiler/argocompiler/{dag,container}.go, backend/src/common/util/workflow.go,
backend/src/apiserver/server/api_converter.go and workflow/controller/{operator,dag}.go of Argo, not from our client.
"""

import functools
import json
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

WORKFLOW = "siamese-4fnvz"
NAMESPACE = "kubeflow"
EMPTY = "1970-01-01T00:00:00Z"  # Go's empty time, in seconds
PHASES = {
    "running": "RUNNING",
    "failed": "FAILED",
    "succeeded": "SUCCEEDED",
    "omitted": "SKIPPED",
    "skipped": "SKIPPED",
}


def digest(name: str) -> int:
    """The 32 bit FNV-1a hash of a node's full name."""
    return functools.reduce(lambda h, byte: ((h ^ byte) * 16777619) % 2**32, name.encode(), 2166136261)


def node_id(name: str) -> str:
    """Argo's: the workflow's name and the hash of the node's."""
    return f"{WORKFLOW}-{digest(name)}"


class Names(NamedTuple):
    """Argo's full names; ``nested``: every template has a retry, by the configuration of Kubeflow Pipelines 2.17."""

    nested: bool = False

    @property
    def _first(self) -> str:
        return "(0)" if self.nested else ""

    @property
    def root(self) -> str:
        return f"{WORKFLOW}{self._first}.root{self._first}"

    def driver(self, node: str) -> str:
        """Of the driver's pod."""
        return f"{self.root}.{node}-driver{self._first}"

    def executor(self, node: str, attempt: int | None = None) -> str:
        """Of the node above the attempts, or of an attempt's pod, from 0."""
        return f"{self.root}.{node}{self._first}.executor" + ("" if attempt is None else f"({attempt})")


def pod_name(node: str, attempt: int, nested: bool = False) -> str:
    """The pod of an attempt (from 0) of a task with a retry policy, with two labels, as Argo 3.4 and later name it."""
    digits = node_id(Names(nested).executor(node, attempt)).rpartition("-")[2]
    return f"{WORKFLOW}-metadata-0-2-retry-system-container-impl-{digits}"


def driver_pod(node: str, nested: bool = False) -> str:
    """The pod of a node's driver."""
    digits = node_id(Names(nested).driver(node)).rpartition("-")[2]
    return f"{WORKFLOW}-system-container-driver-{digits}"


def task_details(nodes: dict[str, list[str]], seconds: int, nested: bool = False) -> list[dict[str, Any]]:
    """The tasks of a run.

    Args:
      nodes: node -> the states of its attempts; ["driver failed"], ["skipped"] (its condition does not hold),
        ["omitted"] (what it depends on was skipped) and ["cached"] are states of their own.
      seconds: that each took.
      nested: whether every template has a retry.
    """
    names = Names(nested)
    tasks = [_task("root-driver", "succeeded", seconds, [names.root])]
    for node, attempts in nodes.items():
        base = f"{names.root}.{node}"
        if attempts == ["driver failed"]:
            tasks += [_task(f"{node}-driver", "failed", seconds, []), _task(node, "omitted", 0, [])]
            continue
        if attempts == ["omitted"]:
            tasks += [_task(f"{node}-driver", "omitted", 0, [base]), _task(node, "omitted", 0, [])]
            continue
        tasks.append(_task(f"{node}-driver", "succeeded", 3, [base]))
        if attempts == ["skipped"]:
            tasks.append(_task(node, "skipped", 0, []))
            continue
        if attempts == ["cached"]:
            tasks += [_task(node, "succeeded", 0, [names.executor(node)]), _task("executor", "omitted", 0, [])]
            continue
        ids = [names.executor(node, n) for n in range(len(attempts))]
        state = attempts[-1]
        tasks += [
            _task(node, state, seconds, [f"{base}(0)" if nested else names.executor(node)]),
            *([_task(f"{node}(0)", state, seconds, [names.executor(node)])] if nested else []),
            _task("executor", state, seconds, ids),
            *(_task(f"executor({n})", attempt, seconds, []) for n, attempt in enumerate(attempts)),
        ]
    tasks.append(_task("root", "running", seconds, [f"{names.root}.{node}-driver" for node in nodes]))
    return tasks


def manifest(nodes: dict[str, list[str]], messages: dict[str, str], nested: bool = False) -> str:
    """Argo's workflow, as the API of v1beta1 returns it; ``messages``: "Trainer-driver" or "Trainer(0)" -> Argo's."""
    found = {}
    for name, display, template, attempt in _pods(nodes, Names(nested)):
        identity = node_id(name)
        found[identity] = {
            "id": identity,
            "name": name,
            "displayName": display,
            "type": "Pod",
            "templateName": template,
            "message": messages.get(display, ""),
            "startedAt": f"2026-11-23T03:{attempt:02d}:00Z",
        }
    found[WORKFLOW] = {"id": WORKFLOW, "name": WORKFLOW, "displayName": WORKFLOW, "type": "DAG"}
    metadata = {"name": WORKFLOW, "namespace": NAMESPACE, "creationTimestamp": "2026-11-23T03:00:00Z"}
    return json.dumps({"metadata": metadata, "status": {"nodes": found}})


def _pods(nodes: dict[str, list[str]], names: Names) -> Iterator[tuple[str, str, str, int]]:
    """(full name, name, template, attempt) of each pod."""
    for node, attempts in nodes.items():
        if attempts == ["omitted"]:
            continue
        yield names.driver(node), f"{node}-driver", "system-container-driver", 0
        for attempt in range(len(attempts) if attempts[0] in ("running", "succeeded", "failed") else 0):
            template = "metadata-0-2-retry-system-container-impl"
            yield names.executor(node, attempt), f"{node}({attempt})", template, attempt


def _task(name: str, state: str, seconds: int, children: list[str]) -> dict[str, Any]:
    ended = f"2026-11-23T03:{seconds // 60:02d}:{seconds % 60:02d}Z" if state != "running" else EMPTY
    return {
        "run_id": "",
        "task_id": str(uuid.uuid4()),
        "display_name": name,
        "create_time": "2026-11-23T03:00:00Z",
        "start_time": "2026-11-23T03:00:00Z",
        "end_time": ended,
        "state": PHASES[state],
        "state_history": [{"update_time": "2026-11-23T03:00:00Z", "state": PHASES[state]}],
        "child_tasks": [{"pod_name": node_id(child)} for child in children],
    }
