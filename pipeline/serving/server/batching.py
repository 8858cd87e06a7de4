"""Concurrent requests answered by one call of the model.

No request waits for company: a model that is free is asked at once, and what arrives while it answers is its next
batch. So a lone client sees the bare call, and a crowd fills the batches by itself.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any

from pipeline.serving.server.errors import RequestError
from pipeline.serving.server.images import Prepared

Row = tuple[bytes, ...]
Answer = dict[str, Any] | Exception


class _Ticket:
    """The answers to one request, as they come in."""

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
      executor: where the model is called.
      calls: of the model at a time.
      max_batch: rows in a call.
      max_pixels: of all images in a call, though one row is always taken.
      on_batch: hears the number of rows of each call.
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

    async def submit(self, prepared: Prepared) -> list[dict[str, Any]]:
        """The answers to the rows of one request, in order.

        Raises:
          RequestError: the model cannot take one of them; names it.
        """
        ticket = _Ticket(len(prepared.rows))
        for index, (row, pixels) in enumerate(zip(prepared.rows, prepared.pixels, strict=True)):
            self._queue.append((ticket, index, row, pixels))
        self._next()
        await ticket.done
        return checked([answer or {} for answer in ticket.answers])

    def _next(self) -> None:
        if self._running == self._calls or not (batch := self._take()):
            return
        self._running += 1
        self._on_batch(len(batch))
        rows = [row for _, _, row, _ in batch]
        answered = asyncio.get_running_loop().run_in_executor(self._executor, self._answer, rows)
        answered.add_done_callback(lambda future: self._finish(batch, future))

    def _take(self) -> list[tuple[_Ticket, int, Row, int]]:
        batch: list[tuple[_Ticket, int, Row, int]] = []
        pixels = 0
        while self._queue and len(batch) < self._max_batch:
            item = self._queue[0]
            if not item[0].done.done():  # its client may have gone
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
    """The answers to a request from its instance ``first`` on, all of them good.

    Raises:
      RequestError: the model cannot take a row; names it.
    """
    good = []
    for index, answer in enumerate(answers, first):
        if isinstance(answer, RequestError):
            raise RequestError(answer.status, f"instance {index}: {answer.message}")
        if isinstance(answer, Exception):
            raise answer
        good.append(answer)
    return good
