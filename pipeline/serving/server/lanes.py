"""Lanes: requests of about one cost share threads, so that those that cost little never wait for those that cost much.

The cost is known from the length of the body at first, and from the headers of its images before they are decoded.
"""

import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from pipeline.serving.server.admission import Limits, RequestError
from pipeline.serving.server.instances import Bounds, Prepared, TooCostly

T = TypeVar("T")


@dataclass
class Lane:
    """Threads of their own for the requests within its bounds.

    Attributes:
      name: names the threads.
      most_body: bytes of a request.
      bounds: what may be done here.
      most_waiting: requests at a time; others are answered with 429.
      calls: concurrent calls of the model.
    """

    name: str
    most_body: int
    bounds: Bounds
    most_waiting: int
    calls: int

    def __post_init__(self) -> None:
        self.waiting = 0
        self.preparing: Executor = ThreadPoolExecutor(self.calls, f"prepare-{self.name}")
        self.answering: Executor = ThreadPoolExecutor(self.calls, f"answer-{self.name}")

    def suits(self, prepared: Prepared) -> bool:
        """Whether the model should be called here."""
        rows, pixels, all_pixels, _ = self.bounds
        within = len(prepared.rows) <= rows and sum(prepared.pixels) <= all_pixels
        return within and (pixels is None or max(prepared.pixels) <= pixels)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Counts a request for the duration of the block.

        Raises:
          RequestError: 429, too many requests.
        """
        if self.waiting >= self.most_waiting:
            raise RequestError(429, f"{self.waiting} requests as large as this one are waiting already; try again")
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    def close(self) -> None:
        """Ends the threads; what they are at is completed."""
        for executor in (self.preparing, self.answering):
            executor.shutdown(wait=False, cancel_futures=True)


def lanes_of(limits: Limits) -> tuple[Lane, ...]:
    """Small, medium and large; the last one takes one request at a time, for the sake of memory."""
    threads, rows, waiting = _threads(), limits.max_instances, limits.max_waiting
    small = Bounds(min(limits.max_batch, rows), limits.small_pixels, limits.small_pixels, processes=False)
    medium = Bounds(rows, limits.large_pixels, limits.max_request_pixels, processes=True)
    large = Bounds(rows, None, sys.maxsize, processes=True)
    return (
        Lane("small", limits.small_body, small, waiting, threads),
        Lane("medium", limits.large_body, medium, -(-waiting // 2), threads),
        Lane("large", limits.max_body, large, -(-waiting // 8), 1),
    )


async def in_cheapest(lanes: Iterable[Lane], size: int, work: Callable[[Lane], Awaitable[T]]) -> T:
    """The result of ``work`` in the first lane that a request, of ``size`` bytes, is not beyond; it has a place there.

    Raises:
      RequestError: 429, too many requests of this cost; and what ``work`` raises.
    """
    for lane in lanes:
        if size <= lane.most_body:
            with suppress(TooCostly), lane.place():
                return await work(lane)
    raise RuntimeError("the last lane takes every request")


def _threads() -> int:
    return min(os.cpu_count() or 1, 8)
