"""One run: start it, watch it to its end, stop it, and fetch its files."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.runners.kubeflow.client.connection import Client, Failed, Request, Say, explain, is_temporary
from pipeline.runners.kubeflow.client.logs import Logs
from pipeline.runners.kubeflow.client.sources import Sources
from pipeline.runners.kubeflow.client.steps import ENDED, FAILED, SKIPPED, SUCCEEDED, Step, steps

_OUTCOME = "Outcome"  # the node whose log has the run's outcome
_NEW_DATA = "NewData"  # the node whose log has the reason of a skipped run
_FILE, _FAILED_FOLDER = "outcome.json", "failed"  # those of ``pipeline.runners.kubeflow.entrypoint.alerts``


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
    sources = Sources(client, request["run_id"])
    for run in _polled(client, request["run_id"], request["poll"], request["patience"], say):
        if graph is None:
            graph = _graph(client, run)
            say({"event": "following", "run_id": run.run_id, "pipeline": graph.name, "nodes": len(graph.nodes)})
        sources.renew()
        tasks = [task.to_dict() for task in (run.run_details and run.run_details.task_details) or ()]
        folder = _folder(run, graph, request.get("pipeline_root"))
        logs, now = Logs(client, run.run_id, tasks, graph.metadata, sources, folder), steps(graph.nodes, tasks)
        for name, step in now.items():
            _report(before.get(name), step, logs, tasks, say)
        before = now
        if (run.state or "").upper() in ENDED:
            return {
                "run_id": run.run_id,
                "link": client.link("runs", run.run_id),
                "state": run.state,
                "error": _error(run),
                "pipeline": graph.name,
                "pipeline_root": run.runtime_config.pipeline_root if run.runtime_config else None,
                "namespace": logs.namespace,
                **_outcome(run, now, logs, folder),
                "source": sources.answered,
                "reasons": sources.reasons,
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


def _report(before: Step | None, step: Step, logs: Logs, tasks: Sequence[Mapping[str, Any]], say: Say) -> None:
    for attempt in range(before.attempt if before else 1, step.attempt):
        say({"event": "retry", "node": step.name, "attempt": attempt, **logs.why(step.name, attempt)})
    if before is None or before.state != step.state:
        why: dict[str, Any] = {}
        if step.state == FAILED:
            why = (
                logs.why_not_started(step.name, tasks) if step.before else logs.why(step.name, step.attempt, last=True)
            )
        say({"event": "step", **step._asdict(), **why})


def _error(run: Any) -> str | None:
    """The error that the API has of a run, or of one of its states."""
    errors = [run.error, *(state.error for state in run.state_history or ())]
    return next((str(error.message) for error in errors if error and error.message), None)


def _outcome(run: Any, now: Mapping[str, Step], logs: Logs, folder: str) -> dict[str, Any]:
    """How a run ended.

    Returns:
      outcome: as the node Outcome, or the pod that ended the run, reported it; None where it is not known.
      skipped, gates: why a run was skipped, and the gates that it reached.
      log: the command for the log of the node Outcome; None of a run without it.
    """
    found: dict[str, Any] = {"outcome": None, "skipped": None, "gates": [], "log": None}
    succeeded = (run.state or "").upper() == SUCCEEDED
    if succeeded and _OUTCOME in now and now[_OUTCOME].state == SKIPPED:
        event = logs.last(_NEW_DATA, now[_NEW_DATA].attempt, "skipped") if _NEW_DATA in now else {}
        found["skipped"] = event.get("reason") or f"its conditions do not hold: see the log of {_NEW_DATA}"
        found["gates"] = event.get("gates") or []
    elif _OUTCOME in now:
        attempt = now[_OUTCOME].attempt
        if now[_OUTCOME].state == SUCCEEDED:
            logs.sources.answered = None  # from here on: the source of the verdict
            found["outcome"] = logs.last(_OUTCOME, attempt, "outcome")
            found["log"] = logs.command(_OUTCOME, attempt)
        found["outcome"] = found["outcome"] or _written(logs, folder, now[_OUTCOME].state == SUCCEEDED)
    return found


def _written(logs: Logs, folder: str, ended: bool) -> dict[str, Any] | None:
    """The outcome in the pipeline root: of the node Outcome, or of the pod that ended the run before it."""
    where, pattern = (_OUTCOME, f"*/outcome/{_FILE}") if ended else (_FAILED_FOLDER, _FILE)
    content = logs.sources.file(f"{folder}/{where}", pattern, logs.namespace)
    try:
        return dict(json.loads(content)) if content else None
    except ValueError:
        return None


def _folder(run: Any, graph: Graph, root: str | None) -> str:
    """The URI of a run in its pipeline root; empty where the root is not known."""
    root = (run.runtime_config.pipeline_root if run.runtime_config else None) or root
    return f"{root.rstrip('/')}/{graph.name}/{run.run_id}" if root else ""


def artifact(client: Client, request: Request, _say: Say) -> dict[str, Any]:
    """Copies a file that a node of a run has written to ``to``; ``source``: where it was read, None if nowhere."""
    sources = Sources(client, request["run_id"])
    folder = f"{request['pipeline_root'].rstrip('/')}/{request['pipeline']}/{request['run_id']}/{request['node']}"
    content = sources.file(folder, request["pattern"], request["namespace"])
    if content is not None:
        Path(request["to"]).write_bytes(content)
    return {"source": sources.answered, "reasons": sources.reasons}


OPERATIONS = {"start": start, "follow": follow, "stop": stop, "artifact": artifact}
