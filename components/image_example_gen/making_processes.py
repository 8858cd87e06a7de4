"""Processes that make images beside this one: most of the work is Python, of which a process runs one core's worth.

Until they have loaded TensorFlow, this process works alone.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from components.image_example_gen.image_making import Image, ImageMaker, Made
from components.image_example_gen.settings import IngestSettings
from models.settings import ImageSettings

_ROOT = Path(__file__).parents[2]  # where ``components`` and ``models`` are imported from
_SECONDS = 300.0  # for a batch; one of 32 photographs in HEIC takes one minute
_MUCH = 1 << 20  # bytes of a batch whose decoding, which is no Python, takes the most time
_PROGRAM = f"""
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the other process decides
from models.library_environment import import_tensorflow, loading
with loading():
    tensorflow = import_tensorflow()
    from {__name__} import main
main(tensorflow)
"""


class Makers:
    """Makes images in this process and others; used by several threads."""

    def __init__(self, settings: IngestSettings, image: ImageSettings, seed: int) -> None:
        self._settings = (settings, image, seed)
        self._own = ImageMaker(*self._settings)
        self._here = threading.Lock()  # two threads with small images would wait for each other's Python
        self._processes: list[_Process] = []
        self._idle: SimpleQueue[_Process] = SimpleQueue()

    def start(self, count: int) -> None:
        """Starts so many processes, unless some are there."""
        if not self._processes:
            self._processes = [_Process(self._settings, self._idle) for _ in range(count)]

    def batches(self, images: Iterable[Image]) -> Iterator[list[Image]]:
        """Consecutive images that are made together."""
        return self._own.batches(images)

    def make(self, batch: list[Image]) -> list[Made]:
        """The row and record of each image, by whichever process is free.

        Raises:
          RuntimeError: what nobody expects of an image, with its name.
        """
        with suppress(Empty):
            return self._made_by(self._idle.get_nowait(), batch)
        if sum(len(image.data) for image in batch) > _MUCH:
            return self._made_here(batch, self._own.make(batch))
        while not self._here.acquire(timeout=0.001 if self._processes else -1):
            with suppress(Empty):
                return self._made_by(self._idle.get_nowait(), batch)
        try:
            return self._made_here(batch, self._own.make(batch))
        finally:
            self._here.release()

    def close(self) -> None:
        """Ends the processes."""
        for process in self._processes:
            process.end()
        self._processes = []

    def _made_by(self, process: "_Process", batch: list[Image]) -> list[Made]:
        try:
            made = process.make(batch)
        except (OSError, EOFError):  # it was killed, or hangs: it takes no more, and costs no image
            process.end()
            return self._made_here(batch, self._own.make(batch))
        self._idle.put(process)
        return self._made_here(batch, made)

    def _made_here(self, batch: list[Image], made: "list[Made | None]") -> list[Made]:
        """What another process has left, made here."""
        done: list[Made] = []
        for image, one in zip(batch, made, strict=True):
            done += [one] if one else [found for found in self._own.make([image]) if found]
        return done


class _Process:
    """One process, which puts itself among the idle ones once it is ready."""

    def __init__(self, settings: tuple[IngestSettings, ImageSettings, int], idle: "SimpleQueue[_Process]") -> None:
        self._connection, other = Pipe()
        paths = filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")])
        environment = {"PYTHONPATH": os.pathsep.join(paths), "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        with other:
            number = other.fileno()
            command = [sys.executable, "-W", "ignore", "-c", _PROGRAM, str(number)]
            self._popen: subprocess.Popen[bytes] | None = None
            with suppress(OSError):  # none can be started: this process works alone
                self._popen = subprocess.Popen(
                    command,
                    env={**os.environ, **environment},
                    pass_fds=[number],
                    stdin=subprocess.DEVNULL,
                    cwd=_ROOT,  # from where Python imports first
                )
        if self._popen:
            threading.Thread(target=self._ready, args=(settings, idle), daemon=True).start()

    def make(self, batch: list[Image]) -> list[Made | None]:
        """As ``ImageMaker.make``.

        Raises:
          RuntimeError: what nobody expects of an image, with its name.
          OSError, EOFError: the process has ended, or does not answer in time.
        """
        self._connection.send(batch)
        if not self._connection.poll(_SECONDS):
            raise TimeoutError(f"no images from another process within {_SECONDS:g} s")
        answer: list[Made | None] | str = self._connection.recv()
        if isinstance(answer, str):
            raise RuntimeError(answer)  # noqa: TRY004 - what the other process raised
        return answer

    def end(self) -> None:
        if self._popen:
            self._popen.kill()
            self._popen.wait()
        self._connection.close()

    def _ready(self, settings: tuple[IngestSettings, ImageSettings, int], idle: "SimpleQueue[_Process]") -> None:
        with suppress(OSError, EOFError):
            self._connection.send(settings)
            self._connection.recv()
            idle.put(self)


def main(tf: Any) -> None:
    """Makes images until the other end of the connection is closed, whose number is the process's only argument."""
    connection = Connection(int(sys.argv[1]))
    tf.config.threading.set_intra_op_parallelism_threads(1)  # the other cores have processes of their own
    tf.config.threading.set_inter_op_parallelism_threads(1)
    with suppress(EOFError, OSError):
        settings, image, seed = connection.recv()
        maker = ImageMaker(settings, image, seed, takes_large=False)
        connection.send(None)
        while True:
            batch = connection.recv()
            try:
                connection.send(maker.make(batch))
            except RuntimeError as error:
                connection.send(str(error))
