"""Runs the entrypoint in processes that are forked from one with TFX loaded: its import takes seconds.

Each process has its own environment, folder, output and exit code, like the command of a pod. The import itself is
proven by the tests that start the command: those of the entrypoint, and every pod that is to be killed.
"""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TextIO

COMMAND = ["python", "-m", "pipeline.runners.kubeflow.entrypoint"]
PRELOADED = ["pipeline.runners.kubeflow.entrypoint.step", "pipeline.graph"]


class Forked:
    """A running entrypoint: ``stdout`` has its standard output and error."""

    def __init__(self, process: multiprocessing.process.BaseProcess, stdout: TextIO) -> None:
        self._process, self.stdout = process, stdout

    def wait(self) -> int:
        """The exit code once it has ended; the negative number of a signal."""
        self._process.join()
        return int(self._process.exitcode or 0)


@contextmanager
def forked(arguments: list[str], environment: dict[str, str], folder: Path) -> Iterator[Forked]:
    """Starts the entrypoint with arguments."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(arguments, environment, str(folder), writer))
    process.start()
    writer.close()
    with os.fdopen(os.dup(reader.fileno()), encoding="utf-8") as stdout:
        reader.close()
        yield Forked(process, stdout)


def _run(arguments: list[str], environment: dict[str, str], folder: str, output: Connection) -> None:
    from pipeline.runners.kubeflow.entrypoint.__main__ import main

    for descriptor in (1, 2):
        os.dup2(output.fileno(), descriptor)
    output.close()
    loaded = {name: value for name, value in os.environ.items() if name.startswith("TF_")}  # set by imports
    os.environ.clear()
    os.environ.update(loaded | environment)
    os.chdir(folder)
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    tempfile.tempdir = None  # found again, with this TMPDIR
    code = main(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
