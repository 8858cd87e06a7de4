"""Admission of requests: bounds on one and on all together, the reading of bodies, and the error of a refusal."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

from models.data.image_structure.budget import MAX_BYTES, MAX_PIXELS

_TOO_MANY_BYTES = "too many bytes of other requests are waiting already; try again"


class RequestError(Exception):
    """A request that is answered with an error.

    Attributes:
      status: the HTTP status; a client may repeat the request after 429 and 503.
      message: what is wrong, and with which instance.
      nonsense: whether it was no request at all; its answer has to wait (``connections.NONSENSE_SECONDS``).
    """

    def __init__(self, status: int, message: str, nonsense: bool = False) -> None:
        super().__init__(status, message)
        self.status, self.message, self.nonsense = status, message, nonsense

    def __str__(self) -> str:
        return self.message


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
      max_waiting: requests at a time whose bodies have arrived; others are answered with 429.
      upload_seconds: time for a body to arrive.
      small_body: bytes of a request that costs little.
      small_pixels: of all images of a request that costs little.
      large_body: bytes beyond which a request is prepared by a process of its own, one at a time.
    """

    max_body: int = 2 * (MAX_BYTES * 4 // 3) + 8 * 1024**2
    max_pixels: int = MAX_PIXELS
    max_instances: int = 1024
    max_batch: int = 32
    max_waiting: int = 512
    upload_seconds: float = 60.0
    small_body: int = 1024**2
    small_pixels: int = 2_000_000
    large_body: int = 12 * 1024**2

    @property
    def max_bytes_waiting(self) -> int:
        """Bytes of all requests at a time."""
        return 3 * self.max_body

    @property
    def max_request_pixels(self) -> int:
        """Pixels of all images of a request."""
        return 4 * self.max_pixels

    @property
    def large_pixels(self) -> int:
        """Pixels of one call of the model; an instance of more is answered one at a time."""
        return max(self.max_pixels // 2, 1)

    @property
    def max_json_values(self) -> int:
        """Brackets and commas in a body: parsed, a body of nothing else takes thirty times its bytes."""
        return 64 + 16 * self.max_instances


def limits_of(**limits: int | None) -> Limits:
    """The limits, with the default for each that is None."""
    return Limits(**{key: value for key, value in limits.items() if value is not None})


class Admission:
    """Counts the requests and bytes that are held, in one event loop.

    A request takes a place once its body has arrived, so that a slow client holds none. Bodies share a bound in bytes;
    where it is reached, the largest of those that are arriving gives way to a smaller one.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._places = self._bytes = 0
        self._arriving: set[Reservation] = set()
        self.admitted = 0  # requests, so far

    @property
    def idle(self) -> bool:
        """Whether no request has a place."""
        return not self._places

    @property
    def alone(self) -> bool:
        """Whether exactly one request has a place."""
        return self._places == 1

    @contextmanager
    def place(self) -> Iterator[None]:
        """Admits a request that has arrived, for the duration of the block.

        Raises:
          RequestError: 429, too many requests.
        """
        if self._places >= self._limits.max_waiting:
            raise RequestError(429, f"{self._places} requests are waiting already; try again")
        self._places += 1
        self.admitted += 1
        try:
            yield
        finally:
            self._places -= 1

    @contextmanager
    def reservation(self) -> Iterator["Reservation"]:
        """The bytes of one request, released at the end of the block."""
        reservation = Reservation(self._limits, self._take, self._arriving)
        try:
            yield reservation
        finally:
            self._bytes -= reservation.size

    def _take(self, asking: "Reservation", size: int) -> None:
        while self._bytes + size > self._limits.max_bytes_waiting:
            largest = max(self._arriving, key=lambda one: one.size)
            if largest.size <= asking.size + size:
                raise RequestError(429, _TOO_MANY_BYTES)
            self._bytes -= largest.size
            largest.revoke()
        self._bytes += size
        asking.size += size


class Reservation:
    """The bytes that one request holds."""

    def __init__(
        self, limits: Limits, take: Callable[["Reservation", int], None], arriving: set["Reservation"]
    ) -> None:
        self._limits, self._take, self._arriving = limits, take, arriving
        self._reading: asyncio.Task[bytearray] | None = None
        self._revoked = False
        self.size = 0

    def revoke(self) -> None:
        """Releases the bytes and ends the reading of the body."""
        self.size, self._revoked = 0, True
        self._arriving.discard(self)
        if self._reading is not None:
            self._reading.cancel()

    async def read(self, chunks: AsyncIterator[bytes]) -> bytearray:
        """Reads a body as it arrives, within the limits of size and time.

        Raises:
          RequestError: 408, 413 or 429.
        """
        self._reading = asyncio.ensure_future(self._collect(chunks))
        try:
            return await asyncio.wait_for(self._reading, self._limits.upload_seconds)
        except asyncio.TimeoutError:
            raise RequestError(408, f"the body did not arrive within {self._limits.upload_seconds:.0f} s") from None
        except asyncio.CancelledError:
            if not self._revoked:
                raise
            raise RequestError(429, _TOO_MANY_BYTES) from None

    async def _collect(self, chunks: AsyncIterator[bytes]) -> bytearray:
        body = bytearray()  # grows in place: joining the parts at the end would hold up the event loop
        self._arriving.add(self)
        try:
            async for chunk in chunks:
                if self.size + len(chunk) > self._limits.max_body:
                    raise RequestError(413, f"the body is too long: more than {self._limits.max_body} bytes")
                self._take(self, len(chunk))
                body += chunk
        finally:
            self._arriving.discard(self)
        return body


async def read_body(request: Request, reservation: Reservation, limits: Limits) -> bytearray:
    """Reads the body of a request, within bounds of size and time.

    Raises:
      RequestError: 400, 408, 413, 415 or 429.
    """
    if (encoding := request.headers.get("content-encoding", "")).lower() not in ("", "identity"):
        raise RequestError(415, f"Content-Encoding {encoding[:40]!r} is not supported; send the body uncompressed")
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:19]) > limits.max_body:
        raise RequestError(413, f"the body is too long: {announced[:19]} > {limits.max_body} bytes")
    try:
        return await reservation.read(request.stream())
    except ClientDisconnect:
        raise bad_request("the client disconnected") from None
