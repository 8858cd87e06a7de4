"""The API's view of a run's nodes, which the backend makes from Argo's workflow. Runs in ``.venv-kubeflow``.

Written from backend/src/v2/compiler/argocompiler/{dag,container}.go, backend/src/common/util/workflow.go and
backend/src/apiserver/server/api_converter.go, not from our client.
"""

import functools
import uuid
from typing import Any

WORKFLOW = "siamese-4fnvz"
EMPTY = "1970-01-01T00:00:00Z"  # Go's empty time, in seconds
PHASES = {
    "running": "RUNNING",
    "failed": "FAILED",
    "succeeded": "SUCCEEDED",
    "omitted": "SKIPPED",
    "skipped": "SKIPPED",
}


def node_id(name: str) -> str:
    """Argo's: the workflow's name and the 32 bit FNV-1a hash of the node's."""
    digest = functools.reduce(lambda h, byte: ((h ^ byte) * 16777619) % 2**32, name.encode(), 2166136261)
    return f"{WORKFLOW}-{digest}"


def pod_name(node: str, attempt: int) -> str:
    """The pod of an attempt (from 0) of a task with a retry policy, with two labels, as Argo 3.4 and later name it."""
    digits = node_id(f"{WORKFLOW}.root.{node}.executor({attempt})").rpartition("-")[2]
    return f"{WORKFLOW}-metadata-0-2-retry-system-container-impl-{digits}"


def task_details(nodes: dict[str, list[str]], seconds: int) -> list[dict[str, Any]]:
    """The tasks of a run.

    Args:
      nodes: node -> the states of its attempts; ["driver failed"], ["skipped"] (its condition does not hold),
        ["omitted"] (what it depends on was skipped) and ["cached"] are states of their own.
      seconds: that each took.
    """
    root = f"{WORKFLOW}.root"
    tasks = [_task("root-driver", "succeeded", seconds, [root])]
    for node, attempts in nodes.items():
        base = f"{root}.{node}"
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
            tasks += [_task(node, "succeeded", 0, [f"{base}.executor"]), _task("executor", "omitted", 0, [])]
            continue
        ids = [f"{base}.executor({n})" for n in range(len(attempts))]
        state = attempts[-1]
        tasks += [
            _task(node, state, seconds, [f"{base}.executor"]),
            _task("executor", state, seconds, ids),
            *(_task(f"executor({n})", attempt, seconds, []) for n, attempt in enumerate(attempts)),
        ]
    tasks.append(_task("root", "running", seconds, [f"{root}.{node}-driver" for node in nodes]))
    return tasks


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
