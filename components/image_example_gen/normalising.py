"""Container normalisation by several processes: much of it is Python, of which a process runs one core's worth.

Run as a program, this module is such a process. It imports neither Beam nor TensorFlow.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from queue import Empty, SimpleQueue

from models.data.image_formats import Normalised, UnreadableImage, normalise

_ROOT = Path(__file__).parents[2]  # where ``components`` and ``models`` are imported from
LARGE = 16_000_000  # pixels; of images with more, only one at a time is decoded, by this process

Answer = Normalised | UnreadableImage | None
# What a process sends: the fields of ``Normalised``, without data that are as they were; a reason; or None.
_Told = tuple[bytes | None, str, int, int, int] | str | None


class Normalisers:
    """Processes that normalise images; used by several threads.

    Args:
      count: of processes, which start with the first images.
      limits: the arguments of ``models.data.image_formats.normalise``.
    """

    def __init__(self, count: int, limits: dict[str, int]) -> None:
        self._limits = {**limits, "max_pixels": min(limits["max_pixels"], LARGE)}
        self._whole = limits["max_pixels"] <= LARGE
        self._idle: SimpleQueue[_Process | None] = SimpleQueue()
        for _ in range(count):
            self._idle.put(None)  # not started yet

    def normalise(self, images: Sequence[bytes]) -> list[Answer]:
        """What became of each image; None where this process must look itself: it is large, or a process failed."""
        process = self._idle.get()
        answers: list[_Told] | None = None
        try:
            process = process or _Process(self._limits)
            answers = process.ask(images)
        except (OSError, EOFError):  # it was killed, or cannot be started
            if process:
                process.end()
        finally:
            self._idle.put(process if answers is not None else None)
        return [None] * len(images) if answers is None else list(map(self._answer, images, answers))

    def close(self) -> None:
        """Ends the processes."""
        with suppress(Empty):
            while True:
                if process := self._idle.get_nowait():
                    process.end()

    def _answer(self, image: bytes, told: _Told) -> Answer:
        if told is None:
            return None
        if isinstance(told, str):
            large = told.startswith("too many pixels") and not self._whole
            return None if large else UnreadableImage(told)
        data, kind, width, height, channels = told
        return Normalised(image if data is None else data, kind, width, height, channels)


class _Process:
    """One process, and the connection to it.

    Raises:
      OSError: it cannot be started.
    """

    def __init__(self, limits: dict[str, int]) -> None:
        self._connection, other = Pipe()
        with other:
            number = other.fileno()
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])}
            self._popen = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", __spec__.name, str(number)],
                env=environment,
                pass_fds=[number],
                stdin=subprocess.DEVNULL,
            )
        self._connection.send(limits)

    def ask(self, images: Sequence[bytes]) -> "list[_Told]":
        """What the process tells of each image.

        Raises:
          OSError, EOFError: it has ended.
        """
        self._connection.send(images)
        answers: list[_Told] = self._connection.recv()
        return answers

    def end(self) -> None:
        self._connection.close()
        self._popen.kill()
        self._popen.wait()


def _told(image: bytes, limits: dict[str, int]) -> _Told:
    try:
        found = normalise(image, **limits)
    except UnreadableImage as error:
        return error.reason
    except Exception:  # noqa: BLE001 - the other process meets it too, and knows which image it is
        return None
    return None if found.data == image else found.data, *found[1:]


def main(connection: Connection) -> None:
    """Answers until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the other process decides
    with suppress(EOFError, OSError):
        limits = connection.recv()
        while True:
            connection.send([_told(image, limits) for image in connection.recv()])


if __name__ == "__main__":
    main(Connection(int(sys.argv[1])))
