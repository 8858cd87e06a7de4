"""How many requests, and how many bytes of them, are held at a time."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from pipeline.serving.server.errors import RequestError
from pipeline.serving.server.limits import Limits


class Admission:
    """Counts what is held; belongs to one event loop."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._requests = self._bytes = 0

    @property
    def alone(self) -> bool:
        """Whether there is one request and no other."""
        return self._requests == 1

    @contextmanager
    def request(self) -> Iterator["Reservation"]:
        """Room for a request until the block is left.

        Raises:
          RequestError: 429, all room is taken.
        """
        if self._requests >= self._limits.max_waiting:
            raise RequestError(429, f"{self._requests} requests are waiting already; come again")
        self._requests += 1
        reservation = Reservation(self)
        try:
            yield reservation
        finally:
            self._requests -= 1
            self._bytes -= reservation.size

    def take(self, size: int) -> None:
        """Room for bytes.

        Raises:
          RequestError: 429, all room is taken.
        """
        if self._bytes + size > self._limits.max_bytes_waiting:
            raise RequestError(429, "too many bytes of other requests are waiting already; come again")
        self._bytes += size


class Reservation:
    """What one request holds."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.size = 0

    async def collect(self, chunks: AsyncIterator[bytes], max_body: int) -> bytes:
        """A body, held as it arrives.

        Raises:
          RequestError: 413, longer than ``max_body``; 429, no room.
        """
        body = []
        async for chunk in chunks:
            if self.size + len(chunk) > max_body:
                raise RequestError(413, f"the body is too long: more than {max_body} bytes")
            self._admission.take(len(chunk))
            self.size += len(chunk)
            body.append(chunk)
        return b"".join(body)
