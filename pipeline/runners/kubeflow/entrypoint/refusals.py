"""The refusal of the attempt before: a node that refused its input, or whose gate refused, is not evaluated again.

Kubeflow's launcher ends with 1 whatever its command ended with, and a compiled pipeline cannot say which failures are
tried again: that is the installation's ``retryPolicy``. So the backend may start a node again that has refused its
input. Such an attempt finds the refusal of the one before, and ends with it before TFX is imported. It is looked for in

1. the log of the pod before, through the server of Kubeflow's UI, which no pod needs credentials for;
2. that log as the launcher has uploaded it: ``.../<node>/<uuid>/executor-logs-<attempt>`` since 2.16.1, without the
   number in 2.16.0; through the same server, or with keys for the pipeline root;
3. ``.../<node>/<uuid>/refused.json``, which is written where the log is not uploaded, with keys for the pipeline root.

The driver makes ``<uuid>`` once for all attempts of a node in a run, from its resolved inputs. So a refusal is never
that of another run, or of other inputs. Where a person starts the failed nodes of a run again, attempts are counted
from the beginning, and the first looks for nothing; a refusal that is older than an hour does not count either.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from pipeline.runners.kubeflow.client.steps import UI_STORES, pod_before
from pipeline.runners.kubeflow.entrypoint.alerts import open_root, within

FILE = "refused.json"

_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_SECONDS = 5.0  # for one of these places
_BYTES = 16 << 20  # of a log
_YOUNG = timedelta(hours=1)
_LOGS = "executor-logs"
_NUMBERED = re.compile(r"(.+)-(\d+)")
_ENDS = ("failed", "refused", "terminated", "finished")  # events


def refusal_before(node: str, executor_input: str) -> dict[str, Any] | None:
    """The event with which the attempt before refused its input; None of a first attempt, or of another failure.

    Args:
      node: its id.
      executor_input: the launcher's ExecutorInput, JSON.
    """
    with suppress(Exception):  # whatever is wrong with the environment, the node itself is tried
        outputs = _uris(executor_input)
        pod = pod_before(os.environ.get("KFP_POD_NAME", ""), node)
        number = _attempt(outputs.get(_LOGS, ""))
        if number == 0 or (number is None and pod is None):
            return None
        for read in _places(pod, _log_before(outputs.get(_LOGS)), outputs):
            if text := within(_SECONDS, read):
                return _refusal(text)
    return None


def record_refusal(event: dict[str, Any], executor_input: str) -> None:
    """Writes a refusal beside the node's outputs, where the launcher uploads no numbered log of it."""
    outputs = _uris(executor_input)
    if outputs and not _NUMBERED.fullmatch(outputs.get(_LOGS, "")):
        within(_SECONDS, lambda: _write(_beside(outputs), json.dumps(event)))


def _places(pod: str | None, log: str | None, outputs: dict[str, str]) -> Iterator[Callable[[], str]]:
    if ui := _ui():
        if pod:
            yield lambda: _ask(f"{ui}/k8s/pod/logs", podname=pod, podnamespace=_namespace())
        scheme, _, path = (log or "").partition("://")
        if scheme in UI_STORES:
            bucket, _, key = path.partition("/")
            about = {"source": UI_STORES[scheme], "bucket": bucket, "key": key, "namespace": _namespace()}
            yield lambda: _ask(f"{ui}/artifacts/get", **about)
    if log:
        yield lambda: _read(log)
    if outputs:
        yield lambda: _read(_beside(outputs))


def _ui() -> str | None:
    """The address of the UI's server: the environment's, or of the service in the pod's own namespace."""
    if given := os.environ.get("KF_PIPELINES_UI_ENDPOINT"):
        return given.rstrip("/")
    host, port = (os.environ.get(f"ML_PIPELINE_UI_SERVICE_{name}") for name in ("HOST", "PORT"))
    return f"http://[{host}]:{port}" if host and ":" in host else f"http://{host}:{port}" if host else None


def _namespace() -> str:
    """The pod's own; empty where it has no service account, which the UI's server takes for its own."""
    with suppress(OSError):
        return _NAMESPACE.read_text(encoding="utf-8").strip()
    return ""


def _uris(executor_input: str) -> dict[str, str]:
    """The URIs of a node's outputs, by key."""
    outputs = json.loads(executor_input).get("outputs", {}).get("artifacts", {})
    return {key: str(one["artifacts"][0]["uri"]) for key, one in outputs.items() if one.get("artifacts")}


def _attempt(log: str) -> int | None:
    """Which attempt this is, from 0, by the URI of its log or its variable; None of servers before 2.16.1."""
    number = match[2] if (match := _NUMBERED.fullmatch(log)) else os.environ.get("KFP_RETRY_INDEX", "")
    return int(number) if number.isdecimal() else None


def _log_before(uri: str | None) -> str | None:
    """The URI of the log of the attempt before: its own where attempts have no number."""
    if uri is None or not (match := _NUMBERED.fullmatch(uri)):
        return uri
    return f"{match[1]}-{int(match[2]) - 1}"


def _beside(outputs: dict[str, str]) -> str:
    return f"{next(iter(outputs.values())).rpartition('/')[0]}/{FILE}"


def _ask(url: str, **query: str) -> str:
    from models.http_client import request

    given = {key: value for key, value in query.items() if value}
    answer = request("GET", f"{url}?{urlencode(given)}", seconds=_SECONDS, most_bytes=_BYTES)
    return answer.content.decode(errors="replace") if answer.is_success else ""


def _read(uri: str) -> str:
    files, path = open_root(uri)
    return str(files.cat_file(path).decode(errors="replace"))


def _write(uri: str, text: str) -> None:
    files, path = open_root(uri)
    files.makedirs(path.rpartition("/")[0], exist_ok=True)
    files.pipe_file(path, text.encode())


def _refusal(log: str) -> dict[str, Any] | None:
    """The refusal at the end of a log; None where the attempt ended otherwise, or too long ago."""
    for line in reversed(log.splitlines()):
        with suppress(ValueError, TypeError, KeyError):
            event = json.loads(line)
            if event["event"] not in _ENDS:
                continue
            if not event.get("settled"):
                return None
            first = datetime.fromisoformat(event.get("first") or event["time"])
            is_young = datetime.now(timezone.utc) - first < _YOUNG
            return {**event, "first": first.isoformat()} if is_young else None
    return None
