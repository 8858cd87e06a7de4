"""A Kubeflow Pipelines server on this machine, for the tests of what talks to one."""

import json
import os
import subprocess
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-kubeflow" / "bin" / "python"


class Server:
    """The server, controlled by tests."""

    def __init__(self, port):
        self.address = f"http://127.0.0.1:{port}"

    def set(self, **order):
        """Sets its behaviour; returns its state: calls, experiments, pipelines, versions, runs, recurring.

        ``reset``: start over. ``rules``: [{"call": pattern of "METHOD /path", "do": status | "drop" | "hang" |
        "page" (a login page) | "lose" (do it, then drop) | "hold" (do it, answer when released) | "twin" (another
        client enables one of the same name), "after": calls that succeed first, "times": how often}].
        ``header``: [name, value] that every call must have. ``multi_user``. ``frames``: of a run, one a request.
        ``logs``: pod -> text. ``standalone``, ``ui``, ``objects``, ``kubernetes``, ``nested``, ``workflows``: as
        ``store.Store`` has them. ``wait_held``: until a call is held. ``release``: it.
        """
        request = urllib.request.Request(f"{self.address}/control", json.dumps(order).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def post(self, path, body):
        """A request of another client."""
        request = urllib.request.Request(
            f"{self.address}/apis/v2beta1/{path}", json.dumps(body).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def calls(self, method="", part=""):
        """The calls that it received, in order."""
        return [call for call in self.set()["calls"] if call["call"].startswith(method) and part in call["call"]]

    def schedules(self):
        """(name, enabled) of each recurring run, oldest first."""
        return [(one["display_name"], one["mode"] == "ENABLE") for one in self.set()["recurring"]]


class Client:
    """The client's operations in one process: a process for each takes seconds."""

    def __init__(self, process):
        self._process = process

    def ask(self, operation, connection, environment=None, **arguments):
        """(exit code, all its output lines)."""
        request = {"operation": operation, "connection": connection, "environment": environment or {}, **arguments}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        lines = []
        while "exit_code" not in (line := json.loads(self._process.stdout.readline())):
            lines.append(line)
        return line["exit_code"], lines


@contextmanager
def _process(*command, **variables):
    environment = {key: value for key, value in os.environ.items() if "KFP" not in key and "KF_PIPELINES" not in key}
    process = subprocess.Popen(
        [PYTHON, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**environment, **variables},
    )
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


@contextmanager
def serving():
    """A running server."""
    with _process(Path(__file__).with_name("server.py")) as process:
        yield Server(int(process.stdout.readline()))


@contextmanager
def asking(home):
    """A client; ``home`` is the user's home folder, where the SDK keeps things."""
    program = Path(__file__).with_name("many_requests.py")
    with _process(program, PYTHONPATH=str(ROOT), HOME=str(home)) as process:
        yield Client(process)
