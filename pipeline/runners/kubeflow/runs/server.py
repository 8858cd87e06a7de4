"""Requests to the Kubeflow Pipelines server, carried out by a process in ``.venv-kubeflow``."""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import urlsplit

from models.errors import UserError
from models.proxies import UnsupportedProxy, proxy_of
from pipeline.config.kubeflow_client import ConnectionSettings

ROOT = Path(__file__).resolve().parents[4]
PYTHON_VARIABLE = "SIAMESE_KUBEFLOW_PYTHON"

Event = dict[str, Any]


class ClusterError(Exception):
    """The server failed, or the result of a request is unknown; one line."""


class Cluster:
    """The server at ``host``; default: the environment's, the cluster around this process, or kubectl's cluster."""

    def __init__(self, host: str | None, namespace: str | None, connection: ConnectionSettings) -> None:
        self._connection = {"host": host, "namespace": namespace, **connection.model_dump()}

    def ask(self, operation: str, on_event: Callable[[Event], None] | None = None, **arguments: Any) -> Event:
        """Carries out an operation of ``pipeline.runners.kubeflow.client`` and returns its result.

        Raises:
          UserError: an error that the user can fix, or the environment is missing.
          ClusterError: anything else.
          KeyboardInterrupt: Ctrl-C; the process has finished what must not be interrupted.
        """
        connection = {**self._connection, "proxy": self._connection["proxy"] or _proxy(self._connection["host"])}
        request = {"operation": operation, "connection": connection, **arguments}
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log, _started(request, log) as process:
            for line in cast("IO[str]", process.stdout):
                event = json.loads(line)
                if "result" in event:
                    return dict(event["result"])
                if "error" in event:
                    message, code = event["error"], event["code"]
                    raise UserError(message, code=code) if code else ClusterError(message)
                if on_event:
                    on_event(event)
            process.wait()
            log.seek(0)
            why = "".join(f": {line}" for line in log.read().strip().splitlines()[-1:])
            raise ClusterError(f"the client process ended (exit code {process.returncode}){why}")


def _proxy(host: str | None) -> str | None:
    """The proxy by the environment for the server; None where the SDK finds the server by itself.

    Raises:
      UserError: it is of a kind that is not supported.
    """
    address = host or os.environ.get("KF_PIPELINES_ENDPOINT") or ""
    try:
        parts = urlsplit(address)
        return proxy_of(parts.scheme, parts.hostname, parts.port) if parts.hostname else None
    except UnsupportedProxy as error:
        raise UserError(f"{address}: {error}", code="kubeflow-no-connection") from None
    except ValueError:  # a malformed address, which the client reports
        return None


@contextmanager
def _started(request: Event, log: IO[str]) -> Iterator["subprocess.Popen[str]"]:
    """The process, with the request on its standard input; ended afterwards."""
    # A separate session: Ctrl-C comes here only, and the process receives SIGTERM, which it can defer.
    process = subprocess.Popen(
        [_python(), "-m", "pipeline.runners.kubeflow.client"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )
    try:
        with cast("IO[str]", process.stdin) as stdin:
            stdin.write(json.dumps(request))
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()


def _python() -> str:
    """The Python of the environment with the SDK.

    Raises:
      UserError: it does not exist.
    """
    path = Path(os.environ.get(PYTHON_VARIABLE) or ROOT / ".venv-kubeflow" / "bin" / "python")
    if not os.access(path, os.X_OK):
        message = (
            f"{path}: no such Python, which runs the Kubeflow SDK; run `make kubeflow-client` in the project's folder "
            f"(or set {PYTHON_VARIABLE})"
        )
        raise UserError(message, code="kubeflow-no-client")
    return str(path)
