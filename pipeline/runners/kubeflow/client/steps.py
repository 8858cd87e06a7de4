"""The states of a run's nodes, from the server's view of Argo's workflow. Pure: no SDK, no network.

For a task ``Trainer`` the backend makes the Argo nodes ``Trainer-driver``, ``Trainer`` (a group), in it ``executor``
and, where the task has a retry policy, in that ``executor(0)``, ``executor(1)``, ... one an attempt
(backend/src/v2/compiler/argocompiler/container.go). The API gives each with its display name, its state and the ids of
its children, but without its own id. Argo's ids are the workflow's name and a hash of the node's full name, so they can
be computed; so can the names of pods, by which logs are read (RetrievePodName in backend/src/common/util/workflow.go).

The controller's configuration of Kubeflow Pipelines 2.17 gives every template a retry (``templateDefaults``): there the
full name has an attempt at each level, ``workflow(0).root(0).Trainer(0).executor(0)``.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

PENDING, RUNNING, SUCCEEDED, FAILED = "PENDING", "RUNNING", "SUCCEEDED", "FAILED"
SKIPPED, CANCELED = "SKIPPED", "CANCELED"
UI_STORES = {"minio": "minio", "s3": "s3", "gs": "gcs"}  # scheme of a pipeline root -> the UI's name of the store
ENDED = {SUCCEEDED, FAILED, SKIPPED, CANCELED}

_MOST_ATTEMPTS = 20
_TEMPLATE, _DRIVER = "system-container-impl", "system-container-driver"
_POD = re.compile(rf"(?P<workflow>.+?)(?P<template>(-metadata-\d+-\d+)?(-retry)?-{_TEMPLATE}|)-(?P<hash>\d+)")


class Step(NamedTuple):
    """One node of the pipeline."""

    name: str
    state: str  # one of those above
    attempt: int = 1  # the one that runs or ran last, from 1
    seconds: float | None = None  # from its start to its end; None where it has not ended
    cached: bool = False  # its outputs are those of an earlier run
    before: bool = False  # it failed before its container was started


def steps(names: Iterable[str], tasks: Sequence[Mapping[str, Any]]) -> dict[str, Step]:
    """The state of each node in ``names`` by the API's ``tasks``; an unknown one is pending."""
    by_name = {str(task["display_name"]): task for task in tasks}
    children, workflow = _children(tasks), workflow_of(tasks)
    return {name: _step(name, by_name, children, workflow) for name in names}


def _step(name: str, tasks: Mapping[str, Mapping[str, Any]], children: set[str], workflow: str) -> Step:
    group, driver = tasks.get(name, {}), tasks.get(f"{name}-driver", {})
    state = _state(group) or PENDING
    # Argo omits the group of a task whose driver failed, or that an upstream task kept from running.
    if state in (PENDING, SKIPPED, FAILED) and _state(driver) == FAILED:
        return Step(name, FAILED, seconds=_seconds(driver), before=True)
    if state == PENDING:
        return Step(name, RUNNING if _state(driver) == RUNNING else PENDING)
    attempts = [
        n for n in range(_MOST_ATTEMPTS) if any(_node_id(workflow, path) in children for path in _paths(name, n))
    ]
    seconds = _seconds(group) if state in ENDED else None
    # None of our containers ends within two seconds: its outputs are those of an earlier run.
    cached = state == SUCCEEDED and not attempts and seconds is not None and seconds < 2
    return Step(name, state, attempt=max(attempts, default=0) + 1, seconds=seconds, cached=cached)


def pods(workflow: str, name: str, attempt: int, metadata: tuple[int, int] = (0, 0)) -> list[str]:
    """The possible names of an attempt's pod, likeliest first: they depend on the versions of Argo and KFP.

    Args:
      workflow: Argo's name of the run.
      name: of the node.
      attempt: from 1.
      metadata: (annotations, labels) of the pod: how many. The name has them where there are any.
    """
    if not workflow:
        return []
    mark = f"metadata-{metadata[0]}-{metadata[1]}-" if any(metadata) else ""
    plain, nested = _paths(name, attempt - 1)
    found = []
    for path, prefix in ((plain, "retry-"), (nested, "retry-"), (nested, ""), (f".root.{name}.executor", "")):
        identity = _node_id(workflow, path)
        found += [f"{workflow}-{mark}{prefix}{_TEMPLATE}-{identity.rpartition('-')[2]}", identity]
    return list(dict.fromkeys(found))


def driver_pods(workflow: str, name: str) -> list[str]:
    """The possible names of the pod of a node's driver, likeliest first."""
    if not workflow:
        return []
    ids = [_node_id(workflow, path) for path in (f".root.{name}-driver", f"(0).root(0).{name}-driver(0)")]
    return [f"{workflow}-{_DRIVER}-{identity.rpartition('-')[2]}" for identity in ids] + ids


def pod_before(pod: str, name: str) -> str | None:
    """The name of the pod of the attempt before; None of a first attempt, and of a name that does not tell.

    Args:
      pod: as the variable KFP_POD_NAME has it, in every version.
      name: of the node.
    """
    if not (match := _POD.fullmatch(pod)):
        return None
    workflow = match["workflow"]
    for attempt in range(1, _MOST_ATTEMPTS):
        for path, before in zip(_paths(name, attempt), _paths(name, attempt - 1), strict=True):
            if _node_id(workflow, path).endswith(f"-{match['hash']}"):
                return f"{workflow}{match['template']}-{_node_id(workflow, before).rpartition('-')[2]}"
    return None


def _paths(name: str, attempt: int) -> tuple[str, str]:
    """Argo's full names of an attempt, from 0, without the workflow's: plain, and with a retry of every template."""
    return f".root.{name}.executor({attempt})", f"(0).root(0).{name}(0).executor({attempt})"


def _node_id(workflow: str, path: str) -> str:
    """Argo's id of a node of the pipeline, by its full name without the workflow's."""
    return argo_id(workflow, f"{workflow}{path}")


def argo_id(workflow: str, name: str) -> str:
    """The workflow's name and FNV-1a (32 bit) of the node's full name, as Argo makes ids."""
    digest = 0x811C9DC5
    for byte in name.encode():
        digest = ((digest ^ byte) * 0x01000193) & 0xFFFFFFFF
    return f"{workflow}-{digest}"


def workflow_of(tasks: Iterable[Mapping[str, Any]]) -> str:
    """Argo's name of the run with these tasks; empty where none has started."""
    names = [match[1] for child in _children(tasks) if (match := re.fullmatch(r"(.+)-\d+", child))]
    return max(set(names), key=names.count) if names else ""


def _children(tasks: Iterable[Mapping[str, Any]]) -> set[str]:
    listed = (child for task in tasks for child in task.get("child_tasks") or ())
    return {str(child["pod_name"]) for child in listed if child.get("pod_name")}


def _state(task: Mapping[str, Any]) -> str:
    return str(task.get("state") or "").upper()


def _seconds(task: Mapping[str, Any]) -> float | None:
    start, end = task.get("start_time"), task.get("end_time")
    # An unknown time is Go's zero time: 1970, or the year 1.
    if isinstance(start, datetime) and isinstance(end, datetime) and start.year > 1970 and end.year > 1970:
        return max((end - start).total_seconds(), 0.0)
    return None
