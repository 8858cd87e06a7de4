"""Dynamic batching: concurrent requests are answered by one call of the model.

There is no batching delay: an idle model is called at once, and requests that arrive during the call form the next
batch. So a single client sees the latency of one call, and many clients fill the batches. Several calls at a time are
made only of a model that takes long: the others would cost more in threads and small batches than a second core gives.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any

from pipeline.serving.server.admission import RequestError
from pipeline.serving.server.instances import Prepared

_LONG = 0.01  # seconds of a call, of which there may be several at a time
_WEIGHT = 0.1  # of the last call in the mean; one that takes much longer counts as twice that

Row = tuple[bytes, ...]
Answer = dict[str, Any] | Exception


class _Ticket:
    """The answers to one request, collected as they are computed."""

    def __init__(self, count: int) -> None:
        self.answers: list[Answer | None] = [None] * count
        self.missing = count
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def put(self, index: int, answer: Answer) -> None:
        self.answers[index] = answer
        self.missing -= 1
        if not self.missing and not self.done.done():
            self.done.set_result(None)


class Batcher:
    """The queue of one signature of one version; belongs to one event loop.

    Args:
      answer: rows to answers, one each; runs in ``executor``.
      executor: runs the calls of the model.
      calls: number of concurrent calls, if they take long.
      max_batch: rows in a call.
      max_pixels: of all images in a call of more than one row.
      on_batch: called with the number of rows of each call.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Row]], Sequence[Answer]],
        executor: Executor,
        calls: int,
        max_batch: int,
        max_pixels: int,
        on_batch: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._answer, self._executor, self._on_batch = answer, executor, on_batch
        self._calls, self._max_batch, self._max_pixels = calls, max_batch, max_pixels
        self._queue: deque[tuple[_Ticket, int, Row, int]] = deque()
        self._running = 0
        self._seconds = 0.0  # of a call, the mean of the last ones

    async def submit(self, prepared: Prepared) -> list[dict[str, Any]]:
        """The answers to the rows of one request, in order.

        Raises:
          RequestError: the model refuses one of them; names it.
        """
        ticket = _Ticket(len(prepared.rows))
        for index, (row, pixels) in enumerate(zip(prepared.rows, prepared.pixels, strict=True)):
            self._queue.append((ticket, index, row, pixels))
        self._next()
        await ticket.done
        return checked([answer or {} for answer in ticket.answers])

    def _next(self) -> None:
        while self._running < (self._calls if self._seconds > _LONG else 1) and (batch := self._take()):
            answer = self._answer if self._running else self._timed  # several slow each other
            self._running += 1
            self._on_batch(len(batch))
            rows = [row for _, _, row, _ in batch]
            answered = asyncio.get_running_loop().run_in_executor(self._executor, answer, rows)
            answered.add_done_callback(partial(self._finish, batch))

    def _timed(self, rows: Sequence[Row]) -> Sequence[Answer]:
        begun = time.perf_counter()
        try:
            return self._answer(rows)
        finally:
            self._seconds += _WEIGHT * (min(time.perf_counter() - begun, 2 * _LONG) - self._seconds)

    def _take(self) -> list[tuple[_Ticket, int, Row, int]]:
        batch: list[tuple[_Ticket, int, Row, int]] = []
        pixels = 0
        while self._queue and len(batch) < self._max_batch:
            item = self._queue[0]
            if not item[0].done.done():  # its client may have disconnected
                pixels += item[3]
                if batch and pixels > self._max_pixels:
                    break
                batch.append(item)
            self._queue.popleft()
        return batch

    def _finish(self, batch: list[tuple[_Ticket, int, Row, int]], future: "asyncio.Future[Sequence[Answer]]") -> None:
        error = future.exception()
        answers: Sequence[Answer] = [error] * len(batch) if isinstance(error, Exception) else future.result()
        for (ticket, index, _, _), answer in zip(batch, answers, strict=True):
            ticket.put(index, answer)
        self._running -= 1
        self._next()


def checked(answers: Sequence[Answer], first: int = 0) -> list[dict[str, Any]]:
    """The answers to a request from its instance ``first`` on.

    Raises:
      RequestError: the model refuses an instance; names it.
    """
    good = []
    for index, answer in enumerate(answers, first):
        if isinstance(answer, RequestError):
            raise RequestError(answer.status, f"instance {index}: {answer.message}")
        if isinstance(answer, Exception):
            raise answer
        good.append(answer)
    return good
