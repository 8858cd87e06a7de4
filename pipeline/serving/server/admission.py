"""Admission of requests: their bodies, and the bounds on how many requests and bytes are held at a time."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from starlette.requests import ClientDisconnect, Request

from pipeline.serving.server.limits import Limits
from pipeline.serving.server.protocol import RequestError, bad_request


class Admission:
    """Counts the requests and bytes that are held, in one event loop."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._requests = self._bytes = 0

    @property
    def alone(self) -> bool:
        """Whether exactly one request is held."""
        return self._requests == 1

    @contextmanager
    def request(self) -> Iterator["Reservation"]:
        """Admits a request for the duration of the block.

        Raises:
          RequestError: 429, too many requests.
        """
        if self._requests >= self._limits.max_waiting:
            raise RequestError(429, f"{self._requests} requests are waiting already; try again")
        self._requests += 1
        reservation = Reservation(self)
        try:
            yield reservation
        finally:
            self._requests -= 1
            self._bytes -= reservation.size

    def take(self, size: int) -> None:
        """Admits bytes.

        Raises:
          RequestError: 429, too many bytes.
        """
        if self._bytes + size > self._limits.max_bytes_waiting:
            raise RequestError(429, "too many bytes of other requests are waiting already; try again")
        self._bytes += size


class Reservation:
    """The bytes that one request holds."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.size = 0

    async def collect(self, chunks: AsyncIterator[bytes], max_body: int) -> bytes:
        """Collects a body as it arrives.

        Raises:
          RequestError: 413, longer than ``max_body``; 429, too many bytes are held.
        """
        body = []
        async for chunk in chunks:
            if self.size + len(chunk) > max_body:
                raise RequestError(413, f"the body is too long: more than {max_body} bytes")
            self._admission.take(len(chunk))
            self.size += len(chunk)
            body.append(chunk)
        return b"".join(body)


async def read_body(request: Request, reservation: Reservation, limits: Limits) -> bytes:
    """Reads the body of a request, within bounds of size and time.

    Raises:
      RequestError: 408, 413, 415 or 429.
    """
    if (encoding := request.headers.get("content-encoding", "identity")) != "identity":
        raise RequestError(415, f"Content-Encoding {encoding[:40]!r} is not supported; send the body uncompressed")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:19]) > limits.max_body:
        raise RequestError(413, f"the body is too long: {announced[:19]} > {limits.max_body} bytes")
    try:
        return await asyncio.wait_for(reservation.collect(request.stream(), limits.max_body), limits.upload_seconds)
    except asyncio.TimeoutError:
        raise RequestError(408, f"the body did not arrive within {limits.upload_seconds:.0f} s") from None
    except ClientDisconnect:
        raise bad_request("the client disconnected") from None
