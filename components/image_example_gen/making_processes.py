"""Processes that make images beside this one: most of the work is Python, of which a process runs one core's worth.

Until they have loaded TensorFlow, this process works alone.
"""

import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from queue import Empty, SimpleQueue
from typing import Any

from components.image_example_gen.helper_processes import connection_to_parent, take
from components.image_example_gen.image_making import Image, ImageMaker, Made
from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.sources.source import Source
from models.settings import ImageSettings

_Settings = tuple[IngestSettings, ImageSettings, int, Source | None]

AT_A_TIME = 2  # batches of a process: the one that it makes, and the next
_SECONDS = 300.0  # for a batch; one of 32 photographs in HEIC takes one minute
_MUCH = 1 << 20  # bytes of a batch whose decoding, which is no Python, takes the most time


class Makers:
    """Makes images in this process and others; used by several threads.

    Args:
      settings: of the ingest.
      image: of canonical pixels.
      seed: of the splits.
      source: of images that come without their files' bytes: each process reads its own.
      others: how many processes there are beside this one.
    """

    def __init__(
        self, settings: IngestSettings, image: ImageSettings, seed: int, source: Source | None = None, others: int = 0
    ) -> None:
        self._here = threading.Lock()  # two threads with small images would wait for each other's Python
        self._idle: SimpleQueue[_Process] = SimpleQueue()
        self._processes = [_Process((settings, image, seed, source), self._idle) for _ in range(others)]
        self._open = ExitStack()
        reader = self._open.enter_context(source.reader()) if source else None
        self._own = ImageMaker(settings, image, seed, reader)  # while the others do the same

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
        if sum(image.bytes for image in batch) > _MUCH:
            return self._made_here(batch, self._own.make(batch))
        while not self._here.acquire(timeout=0.005 if self._processes else -1):
            with suppress(Empty):
                return self._made_by(self._idle.get_nowait(), batch)
        try:
            return self._made_here(batch, self._own.make(batch))
        finally:
            self._here.release()

    def close(self) -> None:
        """Ends the processes; no thread is at work."""
        for process in self._processes:
            process.end()
        self._processes = []
        self._open.close()

    @property
    def threads(self) -> int:
        """That keep all processes busy."""
        return 1 + AT_A_TIME * len(self._processes)

    def _made_by(self, process: "_Process", batch: list[Image]) -> list[Made]:
        try:
            made = process.make(batch)
        except (OSError, EOFError):  # it was killed, or hangs: it takes no more, and costs no image
            process.kill()
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
    """One process. Once it is ready it puts itself among the idle ones, as often as it takes batches at a time.

    It finds the next batch when it has made one: a thread of this process may take milliseconds to bring it.
    """

    def __init__(self, settings: _Settings, idle: "SimpleQueue[_Process]") -> None:
        self._helper = take()
        self._sending, self._answering = threading.Lock(), threading.Condition()
        self._sent = self._answered = 0
        if self._helper.started:  # else this process works alone
            self._starting = threading.Thread(target=self._ready, args=(settings, idle), daemon=True)
            self._starting.start()

    def make(self, batch: list[Image]) -> list[Made | None]:
        """As ``ImageMaker.make``.

        Raises:
          RuntimeError: what nobody expects of an image, with its name.
          OSError, EOFError: the process has ended, or does not answer in time.
        """
        with self._sending:
            self._helper.connection.send(batch)
            number = self._sent
            self._sent += 1
        with self._answering:
            self._answering.wait_for(lambda: self._answered == number)
        try:
            if not self._helper.connection.poll(_SECONDS):
                raise TimeoutError(f"no images from another process within {_SECONDS:g} s")
            answer: list[Made | None] | str = self._helper.connection.recv()
        finally:
            with self._answering:
                self._answered += 1
                self._answering.notify_all()
        if isinstance(answer, str):
            raise RuntimeError(answer)  # noqa: TRY004 - what the other process raised
        return answer

    def kill(self) -> None:
        self._helper.kill()

    def end(self) -> None:
        self._helper.kill()
        if self._helper.started:
            self._starting.join()  # which the end of the process ends
        self._helper.end()

    def _ready(self, settings: _Settings, idle: "SimpleQueue[_Process]") -> None:
        with suppress(OSError, EOFError):
            self._helper.connection.send(settings)
            self._helper.connection.recv()
            for _ in range(AT_A_TIME):
                idle.put(self)


def main(tf: Any) -> None:
    """Makes images until the other end of the connection is closed."""
    connection = connection_to_parent()
    tf.config.threading.set_intra_op_parallelism_threads(1)  # the other cores have processes of their own
    tf.config.threading.set_inter_op_parallelism_threads(1)
    with suppress(EOFError, OSError), ExitStack() as stack:
        settings, image, seed, source = connection.recv()
        reader = stack.enter_context(source.reader()) if source else None
        maker = ImageMaker(settings, image, seed, reader, takes_large=False)
        connection.send(None)
        while True:
            batch = connection.recv()
            try:
                connection.send(maker.make(batch))
            except RuntimeError as error:
                connection.send(str(error))
