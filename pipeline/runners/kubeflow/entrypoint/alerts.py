"""Records in the pipeline root that a node failed for good, and notifies ``alerts.webhook`` once per run.

``<root>/<pipeline>/<run id>/attempts/<node>/`` holds an empty object for each attempt of a node that began: one that
was killed counts too. ``failed/outcome.json`` is there once a node has failed for good. Nothing here changes how the
pod ends.
"""

import json
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from components.run_outcome.settings import FailureAlerts
from components.run_outcome.verdict import OUTCOME_FILE, VERDICT_FILE, GateResult, Outcome, gate_results
from components.storage.object_stores import open_store
from models.addresses import is_address
from pipeline.runners.kubeflow.entrypoint.events import Events

FAILED, _ATTEMPTS = "failed", "attempts"
PATIENCE = 30.0  # seconds: without credentials the clients of object stores retry for minutes
_NOTE = "The node may be tried again: whether this attempt was its last is not known, the pipeline root is unreachable"

T = TypeVar("T")


def record_attempt(node: str, settings: str | None, executor_input: str) -> None:
    """Records that an attempt of a node begins, where its failure would be notified and it may be tried again."""
    if settings is None:
        return
    with suppress(Exception):
        about, base = FailureAlerts.model_validate_json(settings), _run_folder(executor_input)
        if base and about.attempts > 1:
            within(PATIENCE, lambda: _record(base, node))


def alert(outcome: Outcome, settings: str | None, executor_input: str, events: Events) -> None:
    """On the last attempt of the node, or if another would fail alike: records the failure, sends the alert.

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
        recorded = within(PATIENCE, lambda: [_first_for_good(base, outcome, about.attempts)]) if base else None
        shown = recorded[0] if recorded else outcome
        if shown is None:
            return
        from components.run_outcome.webhook import notify  # httpx

        unknown = recorded is None and about.attempts > 1 and not outcome.is_settled
        not_sent = notify(about.alerts, shown, {"run": base} if base else None, _NOTE if unknown else "")
        if about.alerts.webhook:
            events.say("alert", sent=not_sent is None, reason=not_sent)
    except Exception as error:  # noqa: BLE001 - the reason of the failure is in the log; this must not hide it
        events.say("alert", sent=False, reason=type(error).__name__)


def _run_folder(executor_input: str) -> str:
    """``<root>/<pipeline>/<run id>`` of ``<root>/<pipeline>/<run id>/<node>/<uuid>/<key>``; empty without outputs."""
    outputs = json.loads(executor_input).get("outputs", {}).get("artifacts", {})
    uris = [one["uri"] for several in outputs.values() for one in several.get("artifacts", []) if one.get("uri")]
    return str(uris[0]).rsplit("/", 3)[0] if uris else ""


def _record(base: str, node: str) -> None:
    files, path = open_root(base)
    folder = f"{path}/{_ATTEMPTS}/{node}"
    files.makedirs(folder, exist_ok=True)
    files.pipe_file(f"{folder}/{uuid.uuid4()}", b"")


def _first_for_good(base: str, outcome: Outcome, attempts: int) -> Outcome | None:
    """The outcome with every gate of the run, recorded, if the node failed for good and as the first; else None."""
    files, path = open_root(base)
    files.invalidate_cache()
    may_be_tried_again = attempts > 1 and not outcome.is_settled
    if may_be_tried_again and _attempts(files, f"{path}/{_ATTEMPTS}/{outcome.failed_component}") < attempts:
        return None
    marker = f"{path}/{FAILED}/{OUTCOME_FILE}"
    if files.exists(marker):
        return None
    complete = outcome.after(reached_gates(files, path))
    files.makedirs(f"{path}/{FAILED}", exist_ok=True)
    files.pipe_file(marker, (complete.model_dump_json(indent=2) + "\n").encode())
    return complete


def _attempts(files: Any, folder: str) -> int:
    return len(files.ls(folder, detail=False))


def reached_gates(files: Any, run_folder: str) -> list[GateResult]:
    """The results of every gate that has published its verdict, in the order of the publications.

    Args:
      files: the file system of the pipeline root.
      run_folder: its path, with ``<node>/<uuid>/<key>/`` below.
    """
    written = verdict_files(files, run_folder)
    return [gate for path in written.values() for gate in gate_results(files.cat_file(path))]


def verdict_files(files: Any, run_folder: str) -> dict[str, str]:
    """The newest ``verdict.json`` of each node, by node, in the order in which they were written."""
    paths = files.glob(f"{run_folder}/*/*/*/{VERDICT_FILE}")
    return {path.split("/")[-4]: path for path in sorted(paths, key=lambda path: changed(files, path))}


def changed(files: Any, path: str) -> str:
    """When a file was written, as text that sorts; folders and some stores have no such time."""
    about = files.info(path)
    return str(about.get("LastModified") or about.get("mtime") or "")


def open_root(uri: str) -> tuple[Any, str]:
    """(fsspec's file system, path in it) of a pipeline root or of anything below it.

    Raises:
      Exception: whatever the client of an object store raises if it is missing.
    """
    address = uri if is_address(uri) else f"file://{uri}"
    if address.startswith("minio://"):  # the backend's own name for an object store that speaks S3
        address = address.replace("minio", "s3", 1)
    files, path = open_store(address)
    return files, path.rstrip("/")


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
