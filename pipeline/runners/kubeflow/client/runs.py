"""One run: start it, watch it to its end, stop it; and the logs of its nodes."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from graphlib import TopologicalSorter
from typing import Any, NamedTuple

import kfp_server_api
from urllib3.exceptions import HTTPError

from pipeline.runners.kubeflow.client.connection import Client, Failed, Refused, Request, Say, explain, is_temporary
from pipeline.runners.kubeflow.client.steps import ENDED, FAILED, SKIPPED, SUCCEEDED, Step, pods, steps, workflow_of

# In every version from 2.0 to 2.17 (backend/src/apiserver/main.go); the node is the name of its pod.
_LOG = "/apis/v1alpha1/runs/{run_id}/nodes/{node_id}/log"
_OUTCOME = "Outcome"  # the node whose log has the run's outcome
_NEW_DATA = "NewData"  # the node whose log has the reason of a skipped run


class Graph(NamedTuple):
    """The pipeline of a run."""

    name: str
    nodes: list[str]  # ids, each after those that it depends on
    metadata: dict[str, tuple[int, int]]  # node -> (annotations, labels) of its pods: how many


def start(client: Client, request: Request, say: Say) -> dict[str, Any]:
    """Starts a run of a compiled file, and watches it if requested."""
    run = client.run_pipeline(
        experiment_id=client.experiment_id(request["experiment"]),
        job_name=request["name"],
        pipeline_package_path=request["file"],
        params=request["parameters"],
        pipeline_root=request["pipeline_root"],
        service_account=request["service_account"],
    )
    say({"event": "submitted", "run_id": run.run_id, "link": client.link("runs", run.run_id)})
    if request["follow"]:
        return follow(client, {**request, "run_id": run.run_id}, say)
    return {"run_id": run.run_id}


def stop(client: Client, request: Request, _say: Say) -> dict[str, Any]:
    """Stops a run: its pods receive SIGTERM."""
    client.terminate_run(request["run_id"])
    return {"run_id": request["run_id"]}


def follow(client: Client, request: Request, say: Say) -> dict[str, Any]:
    """Reports each change of each node until the run has ended; the result is how it ended.

    Raises:
      Failed: the server did not answer for ``patience`` seconds; the run continues.
    """
    before: Mapping[str, Step] = {}
    graph: Graph | None = None
    for run in _polled(client, request["run_id"], request["poll"], request["patience"], say):
        if graph is None:
            graph = _graph(client, run)
            say({"event": "following", "run_id": run.run_id, "pipeline": graph.name, "nodes": len(graph.nodes)})
        tasks = [task.to_dict() for task in (run.run_details and run.run_details.task_details) or ()]
        logs, now = _Logs(client, run.run_id, workflow_of(tasks), graph.metadata), steps(graph.nodes, tasks)
        for name, step in now.items():
            _report(before.get(name), step, logs, say)
        before = now
        if (run.state or "").upper() in ENDED:
            return {
                "run_id": run.run_id,
                "link": client.link("runs", run.run_id),
                "state": run.state,
                "error": run.error.message if run.error else None,
                "pipeline": graph.name,
                "pipeline_root": run.runtime_config.pipeline_root if run.runtime_config else None,
                **_outcome(run, now, logs),
            }
    raise AssertionError("a run that is polled ends")


def _polled(client: Client, run_id: str, poll: float, patience: float, say: Say) -> Iterator[Any]:
    """The run, polled, past temporary failures."""
    silent_since, wait = None, poll
    while True:
        try:
            run = client.get_run(run_id)
        except Exception as error:
            if not is_temporary(error):
                raise
            now = time.monotonic()
            message, _ = explain(error, client.address)
            if silent_since is None:
                silent_since = now
                say({"event": "waiting", "reason": message})
            if now - silent_since >= patience:
                raise Failed(f"{message}; gave up after {patience:g} seconds") from error
            time.sleep(min(wait, 60))
            wait *= 2
            continue
        if silent_since is not None:
            say({"event": "again"})
        silent_since, wait = None, poll
        yield run
        time.sleep(poll)


def _graph(client: Client, run: Any) -> Graph:
    documents = run.pipeline_spec
    if not documents and run.pipeline_version_reference:
        reference = run.pipeline_version_reference
        documents = client.get_pipeline_version(reference.pipeline_id, reference.pipeline_version_id).pipeline_spec
    documents = documents or {}
    spec = documents.get("pipeline_spec") or documents
    tasks = spec.get("root", {}).get("dag", {}).get("tasks", {})
    counts = {}
    for node, task in tasks.items():
        label = spec["components"][task["componentRef"]["name"]].get("executorLabel", "")
        counts[node] = _metadata_counts(documents.get("platform_spec") or {}, label)
    order = TopologicalSorter({node: tasks[node].get("dependentTasks", ()) for node in sorted(tasks)}).static_order()
    return Graph(spec.get("pipelineInfo", {}).get("name", ""), list(order), counts)


def _metadata_counts(platform: Mapping[str, Any], label: str) -> tuple[int, int]:
    """(annotations, labels) that the platform document gives the pods of an executor: how many."""
    try:
        config = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"][label]["podMetadata"]
    except (KeyError, TypeError):
        return 0, 0
    return len(config.get("annotations") or {}), len(config.get("labels") or {})


def _report(before: Step | None, step: Step, logs: "_Logs", say: Say) -> None:
    for attempt in range(before.attempt if before else 1, step.attempt):
        say({"event": "retry", "node": step.name, "attempt": attempt, **logs.why(step.name, attempt)})
    if before is None or before.state != step.state:
        failed = step.state == FAILED and not step.before
        say({"event": "step", **step._asdict(), **(logs.why(step.name, step.attempt) if failed else {})})


def _outcome(run: Any, now: Mapping[str, Step], logs: "_Logs") -> dict[str, Any]:
    """The outcome of a run, or why it was skipped, with the gates of a run that was."""
    outcome = skipped = None
    gates: list[dict[str, Any]] = []
    if _OUTCOME in now and now[_OUTCOME].state == SKIPPED and (run.state or "").upper() == SUCCEEDED:
        event = logs.last(_NEW_DATA, now[_NEW_DATA].attempt, "skipped") if _NEW_DATA in now else {}
        skipped = event.get("reason") or f"its conditions do not hold: see the log of {_NEW_DATA}"
        gates = event.get("gates") or []
    elif _OUTCOME in now:
        outcome = logs.last(_OUTCOME, now[_OUTCOME].attempt, "outcome") or None
    return {"outcome": outcome, "skipped": skipped, "gates": gates}


class _Logs(NamedTuple):
    """The logs of a run's nodes, read from their pods through the server; those of deleted pods may be archived."""

    client: Client
    run_id: str
    workflow: str  # Argo's name of the run
    metadata: Mapping[str, tuple[int, int]]  # as a graph has it

    def why(self, node: str, attempt: int) -> dict[str, Any]:
        """Why an attempt failed, from the last line of its log: reason, error code, gates, whether it is a refusal."""
        end = self.last(node, attempt, "failed", "refused", "terminated")
        about = {key: end.get(key) for key in ("reason", "error_code", "gates")}
        return {**about, "refused": end.get("event") == "refused"}

    def last(self, node: str, attempt: int, *events: str) -> dict[str, Any]:
        """The last of these events in the log of an attempt, from 1; empty where the log is not available."""
        names = pods(self.workflow, node, attempt, self.metadata.get(node, (0, 0)))
        found = next((found for pod in names if (found := self._events(pod)) is not None), [])
        return next((event for event in reversed(found) if event["event"] in events), {})

    def _events(self, pod: str) -> list[dict[str, Any]] | None:
        try:
            answer = self.client.api.call_api(
                _LOG,
                "GET",
                {"run_id": self.run_id, "node_id": pod},
                auth_settings=["Bearer"],
                _preload_content=False,
                _return_http_data_only=True,
            )
        except (kfp_server_api.ApiException, HTTPError, Refused):
            return None  # no pod of that name, or no log of it: logs are optional
        found = []
        for line in answer.data.decode(errors="replace").splitlines():
            with suppress(ValueError):  # other lines, which the launcher writes between the events
                event = json.loads(line)
                if isinstance(event, dict) and "event" in event:
                    found.append(event)
        return found


OPERATIONS = {"start": start, "follow": follow, "stop": stop}
