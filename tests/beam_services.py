"""Beam's own job service and pool of workers, from the installed Beam: processes of their own, on loopback."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

_LAUNCHER = Path(__file__).with_name("on_loopback.py")
_LONGEST = 120.0  # seconds until one answers


class Services(NamedTuple):
    """Addresses, ``host:port``."""

    job_service: str
    worker_pool: str

    @property
    def options(self) -> list[str]:
        return [
            f"--job_endpoint={self.job_service}",
            "--environment_type=EXTERNAL",
            f"--environment_config={self.worker_pool}",
        ]


@contextmanager
def services(
    logs: Path, pool_environment: Mapping[str, str] | None = None, pool_command: Sequence[str] = ()
) -> Iterator[Services]:
    """A job service and a pool of workers.

    ``pool_environment`` changes the environment variables of the pool; ``pool_command`` is called with its command.
    """
    with ExitStack() as stack:
        job = stack.enter_context(_service(logs, "portability.local_job_service_main", "--port", {}))
        pool = stack.enter_context(
            _service(logs, "worker.worker_pool_main", "--service_port", pool_environment or {}, pool_command)
        )
        yield Services(job, pool)


@contextmanager
def _service(
    logs: Path, module: str, option: str, environment: Mapping[str, str], command: Sequence[str] = ()
) -> Iterator[str]:
    port = free_port()
    log = logs / f"{module}.{port}.log"
    # The pool starts its workers as `python`.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, sys.executable, str(_LAUNCHER), f"apache_beam.runners.{module}", f"{option}={port}"],
            stdout=file,
            stderr=file,
            cwd=logs,  # from where Python imports first
            env={**os.environ, "PATH": path, **environment},
        )
    try:
        until = time.monotonic() + _LONGEST
        while not _answers(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port of loopback on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
