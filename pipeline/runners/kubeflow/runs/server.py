"""The Kubeflow Pipelines server, as commands see it: a request to a process in ``.venv-kubeflow``, an answer."""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from models.errors import UserError
from pipeline.config.kubeflow_client import ConnectionSettings

ROOT = Path(__file__).resolve().parents[4]
PYTHON_VARIABLE = "SIAMESE_KUBEFLOW_PYTHON"

Event = dict[str, Any]


class ClusterError(Exception):
    """The server failed, or nothing is known of what became of a request; one sentence."""


class Cluster:
    """Asks the server that the settings name.

    Args:
      host: its address; default: what the environment, the cluster around this process or kubectl's configuration says.
      namespace: of a server of many users.
      connection: how it is reached.
    """

    def __init__(self, host: str | None, namespace: str | None, connection: ConnectionSettings) -> None:
        self._connection = {"host": host, "namespace": namespace, **connection.model_dump()}

    def ask(self, operation: str, on_event: Callable[[Event], None] | None = None, **arguments: Any) -> Event:
        """Carries an operation of ``pipeline.runners.kubeflow.client`` out; gives its answer.

        Raises:
          UserError: something the user can mend, or the environment is missing.
          ClusterError: anything else.
          KeyboardInterrupt: Ctrl-C; the process has ended what must not be left half done.
        """
        request = {"operation": operation, "connection": self._connection, **arguments}
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log, _started(request, log) as process:
            for line in cast("IO[str]", process.stdout):
                event = json.loads(line)
                if "result" in event:
                    return dict(event["result"])
                if "error" in event:
                    raise UserError(event["error"]) if event["mend"] else ClusterError(event["error"])
                if on_event:
                    on_event(event)
            process.wait()
            log.seek(0)
            said = log.read().strip().splitlines()
            why = f": {said[-1]}" if said else ""
            raise ClusterError(f"the process that talks to the server ended (exit code {process.returncode}){why}")


@contextmanager
def _started(request: Event, log: IO[str]) -> Iterator["subprocess.Popen[str]"]:
    """The process, with its request given; afterwards it is gone."""
    # A session of its own: Ctrl-C comes here alone, and the process is then told in the one way that it may put off.
    process = subprocess.Popen(
        [python(), "-m", "pipeline.runners.kubeflow.client"],
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


def python() -> str:
    """The Python of the environment with the SDK.

    Raises:
      UserError: there is none.
    """
    path = Path(os.environ.get(PYTHON_VARIABLE) or ROOT / ".venv-kubeflow" / "bin" / "python")
    if not os.access(path, os.X_OK):
        raise UserError(
            f"{path}: there is no such Python, and with it the Kubeflow SDK; run `make kubeflow-client` in the "
            f"project's folder (or name one in {PYTHON_VARIABLE})"
        )
    return str(path)
