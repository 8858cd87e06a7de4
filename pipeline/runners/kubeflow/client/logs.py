"""The logs of a run's nodes: what their pods reported, and why they failed."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any
from urllib.parse import quote

from pipeline.runners.kubeflow.client.connection import Client
from pipeline.runners.kubeflow.client.sources import DEFAULT_NAMESPACE, Sources
from pipeline.runners.kubeflow.client.steps import driver_pods, pods, workflow_of
from pipeline.runners.kubeflow.client.workflow import Pod, Workflow, parse_workflow

_MANIFEST = "/apis/v1beta1/runs/{run}"
_GO_ERROR = re.compile(r"[EF]\d{4} \S+ +\d+ \S+\] (.+)")  # glog: of the driver and the launcher
_SAYS_NOTHING = re.compile(r"(main: )?Error \(exit code 1\)")  # of the launcher, whatever failed
_LONGEST = 500


class Logs:
    """The logs of a run, at one moment of it.

    Args:
      client: of the API.
      run_id: of the run.
      tasks: the API's, of this moment.
      metadata: node -> (annotations, labels) of its pods: how many.
      sources: of the run.
      folder: URI of the run in the pipeline root; empty where it is not known.
    """

    def __init__(
        self,
        client: Client,
        run_id: str,
        tasks: Sequence[Mapping[str, Any]],
        metadata: Mapping[str, tuple[int, int]],
        sources: Sources,
        folder: str,
    ) -> None:
        self._folder = folder
        self._client, self._run_id, self._metadata, self.sources = client, run_id, metadata, sources
        self._name = workflow_of(tasks)

    @cached_property
    def _workflow(self) -> Workflow | None:
        """Argo's own record; None of a server that does not return it."""
        try:
            answer = json.loads(self._client.get(_MANIFEST.format(run=quote(self._run_id))))
            return parse_workflow(answer["pipeline_runtime"]["workflow_manifest"])
        except Exception:  # noqa: BLE001 - the names of pods can be computed as well
            return None

    @property
    def namespace(self) -> str:
        """Of the run's pods; empty where it is not known, as on a server of one user."""
        return self._workflow.namespace if self._workflow else self._client.namespace or ""

    def why(self, node: str, attempt: int, last: bool = False) -> dict[str, Any]:
        """Why an attempt, or the ``last`` one, failed: reason, error code, gates, whether it is a refusal."""
        pod, text = self._attempt(node, attempt), self._log(node, attempt)
        if last and not text:
            text = self._uploaded(node, attempt)
        end = _last(text, "failed", "refused", "terminated")
        about = {key: end.get(key) for key in ("reason", "error_code", "gates")}
        if not about["reason"]:
            message = pod.message if pod and not _SAYS_NOTHING.fullmatch(pod.message) else ""
            about["reason"] = message or _go_error(text) or (pod.message if pod else "") or None
        return {**about, "refused": end.get("event") == "refused"}

    def why_not_started(self, node: str, tasks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Why the driver of a node failed."""
        known = self._workflow.drivers.get(node) if self._workflow else None
        names, message = ([known[-1].name], known[-1].message) if known else (driver_pods(self._name, node), "")
        return {"reason": _go_error(self._read(names)) or _error_of(f"{node}-driver", tasks) or message or None}

    def last(self, node: str, attempt: int, *events: str) -> dict[str, Any]:
        """The last of these events in the log of an attempt, from 1; empty where the log is not available."""
        return _last(self._log(node, attempt), *events)

    def command(self, node: str, attempt: int) -> str:
        """The command for the log of an attempt, whose pod may have another name where Argo's record is not known."""
        pod = next(iter(self._names(node, attempt)), "POD")
        return f"kubectl -n {self.namespace or DEFAULT_NAMESPACE} logs {pod} -c main"

    def _attempt(self, node: str, attempt: int) -> Pod | None:
        known = self._workflow.attempts.get(node, []) if self._workflow else []
        return known[attempt - 1] if attempt <= len(known) else None

    def _names(self, node: str, attempt: int) -> list[str]:
        if known := self._attempt(node, attempt):
            return [known.name]
        return pods(self._name, node, attempt, self._metadata.get(node, (0, 0)))

    def _uploaded(self, node: str, attempt: int) -> str:
        """The log of a node that failed for good, as the launcher has uploaded it; pods are deleted after an hour.

        Nothing else is in the folder of such a node: it is read as one archive.
        """
        for name in (f"executor-logs-{attempt - 1}", "executor-logs"):  # the latter: of 2.16.0
            if content := self.sources.file(f"{self._folder}/{node}", f"*/{name}", self.namespace):
                return content.decode(errors="replace")
        return ""

    def _log(self, node: str, attempt: int) -> str:
        return self._read(self._names(node, attempt))

    def _read(self, names: list[str]) -> str:
        created = self._workflow.created if self._workflow else ""
        return self.sources.log(names, self.namespace, created) or ""


def _last(log: str, *events: str) -> dict[str, Any]:
    return next((event for event in _reversed(log) if event["event"] in events), {})


def _reversed(log: str) -> Iterator[dict[str, Any]]:
    for line in reversed(log.splitlines()):
        with suppress(ValueError):  # other lines, which the launcher writes between the events
            event = json.loads(line)
            if isinstance(event, dict) and "event" in event:
                yield event


def _go_error(log: str) -> str:
    """The last error of a program of the backend, in one line; empty without one."""
    found = [match[1] for line in log.splitlines() if (match := _GO_ERROR.match(line))]
    return " ".join(found[-1].split())[:_LONGEST] if found else ""


def _error_of(name: str, tasks: Sequence[Mapping[str, Any]]) -> str:
    """The error that the API has of a task, or of one of its states; empty without one."""
    task = next((task for task in tasks if task.get("display_name") == name), {})
    errors = [task.get("error"), *(state.get("error") for state in task.get("state_history") or ())]
    return next((str(error["message"]) for error in errors if error and error.get("message")), "")
