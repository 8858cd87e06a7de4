"""One run: start it, watch it to its end, stop it."""

import time
from collections.abc import Callable, Iterator, Mapping
from graphlib import TopologicalSorter
from typing import Any, NamedTuple

from pipeline.runners.kubeflow.client import logs
from pipeline.runners.kubeflow.client.connection import Client
from pipeline.runners.kubeflow.client.failures import Failed, explain, is_temporary
from pipeline.runners.kubeflow.client.steps import ENDED, FAILED, SKIPPED, SUCCEEDED, Step, steps, workflow_of

Request = Mapping[str, Any]
Say = Callable[[dict[str, Any]], None]

_OUTCOME = "Outcome"  # the node whose log has the run's outcome
_NEW_DATA = "NewData"  # the node whose log has the reason of a skipped run


class Graph(NamedTuple):
    """The pipeline of a run.

    Attributes:
      name: of the pipeline.
      nodes: ids, each after those that it depends on.
      metadata: node -> (annotations, labels) of its pods: how many.
    """

    name: str
    nodes: list[str]
    metadata: dict[str, tuple[int, int]]


def start(client: Client, request: Request, say: Say) -> dict[str, Any]:
    """Starts a run of a compiled file, and watches it if requested."""
    experiment = client.create_experiment(request["experiment"], namespace=client.get_user_namespace() or None)
    run = client.run_pipeline(
        experiment_id=experiment.experiment_id,
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
    run_id: str = request["run_id"]
    before: Mapping[str, Step] = {}
    graph: Graph | None = None
    for run in _polled(client, run_id, request["poll"], request["patience"], say):
        if graph is None:
            graph = _graph(client, run)
            say({"event": "following", "run_id": run_id, "pipeline": graph.name, "nodes": len(graph.nodes)})
        tasks = _tasks(run)
        now = steps(graph.nodes, tasks)
        for name, step in now.items():
            _report(client, run_id, before.get(name), step, workflow_of(tasks), graph, say)
        before = now
        if (run.state or "").upper() in ENDED:
            return _ended(client, run, graph, now)
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
    platform = documents.get("platform_spec") or {}
    tasks = spec.get("root", {}).get("dag", {}).get("tasks", {})
    labels = {
        node: spec["components"][task["componentRef"]["name"]].get("executorLabel", "") for node, task in tasks.items()
    }
    counts = {node: logs.metadata_counts(platform, label) for node, label in labels.items()}
    order = TopologicalSorter({node: tasks[node].get("dependentTasks", ()) for node in sorted(tasks)}).static_order()
    return Graph(spec.get("pipelineInfo", {}).get("name", ""), list(order), counts)


def _tasks(run: Any) -> list[dict[str, Any]]:
    details = run.run_details.task_details if run.run_details else None
    return [task.to_dict() for task in details or ()]


def _report(
    client: Client, run_id: str, before: Step | None, step: Step, workflow: str, graph: Graph, say: Say
) -> None:
    for attempt in range(before.attempt if before else 1, step.attempt):
        why = _why(client, run_id, workflow, step.name, attempt, graph)
        say({"event": "retry", "node": step.name, "attempt": attempt, **why})
    if before is not None and before.state == step.state:
        return
    line = {"event": "step", **step._asdict()}
    if step.state == FAILED and not step.before:
        line |= _why(client, run_id, workflow, step.name, step.attempt, graph)
    say(line)


def _why(client: Client, run_id: str, workflow: str, node: str, attempt: int, graph: Graph) -> dict[str, Any]:
    """Why an attempt failed, from the last line of its log: reason, error code, gates, whether it is a refusal."""
    found = logs.events(client, run_id, workflow, node, attempt, graph.metadata.get(node, (0, 0)))
    end = logs.last(found, "failed", "refused", "terminated") or {}
    about = {key: end.get(key) for key in ("reason", "error_code", "gates")}
    return {**about, "refused": end.get("event") == "refused"}


def _ended(client: Client, run: Any, graph: Graph, now: Mapping[str, Step]) -> dict[str, Any]:
    def last_event(node: str, event: str) -> dict[str, Any] | None:
        workflow, attempt = workflow_of(_tasks(run)), now[node].attempt
        return logs.last(logs.events(client, run.run_id, workflow, node, attempt, graph.metadata[node]), event)

    outcome, skipped = None, None
    gates: list[dict[str, Any]] = []
    if _OUTCOME in now and now[_OUTCOME].state == SKIPPED and (run.state or "").upper() == SUCCEEDED:
        event = last_event(_NEW_DATA, "skipped") if _NEW_DATA in now else None
        skipped = (event or {}).get("reason") or f"its conditions do not hold: see the log of {_NEW_DATA}"
        gates = (event or {}).get("gates") or []
    elif _OUTCOME in now:
        outcome = last_event(_OUTCOME, "outcome")
    return {
        "run_id": run.run_id,
        "link": client.link("runs", run.run_id),
        "state": run.state,
        "error": run.error.message if run.error else None,
        "pipeline": graph.name,
        "pipeline_root": run.runtime_config.pipeline_root if run.runtime_config else None,
        "outcome": outcome,
        "skipped": skipped,
        "gates": gates,  # of a run that was skipped
    }


OPERATIONS = {"start": start, "follow": follow, "stop": stop}
