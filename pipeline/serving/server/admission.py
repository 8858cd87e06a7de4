"""Admission of requests: bounds on one and on all together, the reading of bodies, and the error of a refusal."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

from models.data.image_formats import MAX_BYTES, MAX_PIXELS


class RequestError(Exception):
    """A request that is answered with an error.

    Attributes:
      status: the HTTP status; a client may repeat the request after 429 and 503.
      message: what is wrong, and with which instance.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


def bad_request(message: str) -> RequestError:
    """An error of status 400."""
    return RequestError(400, message)


@dataclass(frozen=True)
class Limits:
    """Bounds of the server; a request beyond one is answered with a 4xx.

    Attributes:
      max_body: bytes of a request. The default admits two images of the largest size that ingest accepts, in base64.
      max_pixels: of one image, by its header, before it is decoded.
      max_instances: in one request.
      max_batch: instances in one call of the model, from one request or several.
      max_waiting: requests at a time; others are answered with 429.
      upload_seconds: time for a request to arrive.
    """

    max_body: int = 2 * (MAX_BYTES * 4 // 3) + 8 * 1024**2
    max_pixels: int = MAX_PIXELS
    max_instances: int = 1024
    max_batch: int = 32
    max_waiting: int = 512
    upload_seconds: float = 60.0

    @property
    def max_bytes_waiting(self) -> int:
        """Bytes of all requests at a time."""
        return 3 * self.max_body

    @property
    def max_request_pixels(self) -> int:
        """Pixels of all images of a request, and of one call of the model."""
        return 4 * self.max_pixels

    @property
    def max_json_values(self) -> int:
        """Brackets and commas in a body: parsed, a body of nothing else takes thirty times its bytes."""
        return 64 + 16 * self.max_instances


def limits_of(**limits: int | None) -> Limits:
    """The limits, with the default for each that is None."""
    return Limits(**{key: value for key, value in limits.items() if value is not None})


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
