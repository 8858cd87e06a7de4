"""Records in the pipeline root that a node failed for good, and notifies ``alerts.webhook`` once per run.

``<root>/<pipeline>/<run id>/failed/`` holds an empty object for each failed attempt of a node, and ``outcome.json``
once a node has failed for good. Nothing here changes how the pod ends.
"""

import json
import os
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from components.run_outcome.settings import FailureAlerts
from components.run_outcome.verdict import OUTCOME_FILE, Outcome
from pipeline.runners.kubeflow.entrypoint.events import Events

FAILED = "failed"
PATIENCE = 30.0  # seconds: without credentials the clients of object stores retry for minutes
_NOTE = "The node may be tried again: whether this attempt was its last is not known, the pipeline root is unreachable"

T = TypeVar("T")


def alert(outcome: Outcome, settings: str | None, executor_input: str, events: Events) -> None:
    """Records a failure; on the last attempt of the node, or if the user's input is wrong, sends the alert.

    Args:
      outcome: of the node.
      settings: ``FailureAlerts``, JSON; None: nothing is done.
      executor_input: the launcher's ExecutorInput, JSON, with URIs below the pipeline root.
      events: the pod's log.
    """
    if settings is None or outcome.status != "failed":
        return
    try:
        about, base = FailureAlerts.model_validate_json(settings), _run_folder(executor_input)
        outcome = outcome.model_copy(update={"name": about.pipeline, "run_id": base.rpartition("/")[2]})
        first = within(PATIENCE, lambda: _first_for_good(base, outcome, about.attempts)) if base else None
        if first is False:
            return
        from components.run_outcome.webhook import notify  # httpx

        unknown = first is None and about.attempts > 1 and not outcome.error_code
        not_sent = notify(about.alerts, outcome, {"run": base} if base else None, _NOTE if unknown else "")
        if about.alerts.webhook:
            events.say("alert", sent=not_sent is None, reason=not_sent)
    except Exception as error:  # noqa: BLE001 - the reason of the failure is in the log; this must not hide it
        events.say("alert", sent=False, reason=type(error).__name__)


def _run_folder(executor_input: str) -> str:
    """``<root>/<pipeline>/<run id>`` of ``<root>/<pipeline>/<run id>/<node>/<uuid>/<key>``; empty without outputs."""
    outputs = json.loads(executor_input).get("outputs", {}).get("artifacts", {})
    uris = [one["uri"] for several in outputs.values() for one in several.get("artifacts", []) if one.get("uri")]
    return str(uris[0]).rsplit("/", 3)[0] if uris else ""


def _first_for_good(base: str, outcome: Outcome, attempts: int) -> bool:
    """Records the failed attempt; whether the node failed for good, as the first of its run."""
    files, path = open_root(base)
    folder = f"{path}/{FAILED}/{outcome.failed_component}"
    files.makedirs(folder, exist_ok=True)
    files.pipe_file(f"{folder}/{uuid.uuid4()}", b"")
    files.invalidate_cache()
    if not outcome.error_code and len(files.ls(folder, detail=False)) < attempts:
        return False
    marker = f"{path}/{FAILED}/{OUTCOME_FILE}"
    if files.exists(marker):
        return False
    files.pipe_file(marker, (outcome.model_dump_json(indent=2) + "\n").encode())
    return True


def open_root(uri: str) -> tuple[Any, str]:
    """(fsspec's file system, path in it) of a pipeline root or of anything below it.

    Raises:
      Exception: whatever the client of an object store raises if it is missing.
    """
    import fsspec

    scheme, _, path = uri.partition("://") if "://" in uri else ("file", "", uri)
    options: dict[str, Any] = {}
    if scheme == "minio":  # the backend's own name for an object store that speaks S3
        scheme = "s3"
        if endpoint := os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"):
            options["endpoint_url"] = endpoint
    return fsspec.filesystem(scheme, **options), path.rstrip("/")


def within(seconds: float, call: Callable[[], T]) -> T | None:
    """The result of a call; None if it raises or takes longer."""
    found: list[T] = []

    def run() -> None:
        with suppress(Exception):
            found.append(call())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found else None
