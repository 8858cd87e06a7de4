"""Connections that a slow, silent or malicious client cannot hold: bounds of time and bytes on each and on all.

While a connection waits for its client, it has a deadline: for the headers of a request, for the next request, and for
the reading of the answers. The body has its deadline where it is read (``admission``). uvicorn has none of these.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEADER_BYTES = 64 * 1024
HEADER_SECONDS = 20.0  # for the request line and headers, in total
ANSWER_SECONDS = 60.0  # for the client to read what was answered
STOPPING_SECONDS = 5.0  # for clients to send or read the rest once the server stops
MAX_CONNECTIONS = 900  # below the 1,024 files that a process may usually open
MAX_PIPELINED = 16
MAX_UNREAD_BYTES = 256 * 1024**2  # of answers, on all connections
LINGER_SECONDS = 2.0  # for what a client still sends after an answer that did not need it
NONSENSE_SECONDS = (
    0.1  # before what is no HTTP or no JSON is answered: whoever sends nothing else has less of the server
)
_LINGER_PAUSE = 0.01
_CHECK_SECONDS = 1.0
_END_OF_HEADERS = b"\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """One connection, closed when it passes one of the bounds above."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._header_bytes, self._tail = 0, b""
        self._within_headers = True
        self._cycles: list[RequestResponseCycle] = []  # the requests that are not answered
        self._refusing = False  # nonsense, whose answer waits
        self._arriving = False  # a request, of which the headers are there
        self._deadline: float | None = None  # for the headers, or for the rest of a request once the server stops
        self._waits_since = self._unread_since = self.loop.time()
        self._unread = False
        self._answer_seconds = ANSWER_SECONDS
        self._check: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_headers()
        self._check = self.loop.call_later(min(_CHECK_SECONDS, HEADER_SECONDS), self._check_deadlines)
        if len(self.connections) > MAX_CONNECTIONS:
            waiting = [other for other in self._others() if other.waits_for_client]
            if waiting:
                min(waiting, key=lambda other: other._waits_since).abort()
            else:
                self._refuse(b"503 Service Unavailable", b"too many connections; try again")

    def connection_lost(self, exc: Exception | None) -> None:
        if self._check is not None:
            self._check.cancel()
        super().connection_lost(exc)
        for cycle in self._cycles:  # uvicorn does it for the newest request alone: the others would write to nobody
            cycle.disconnected = True
            cycle.message_event.set()
        self._cycles = []

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends no more: what it asked is answered, then the connection is closed."""
        if self._refusing:
            return True
        if self._arriving or self._unanswered is None:
            return False
        self._unanswered.keep_alive = False
        return True

    @property
    def waits_for_client(self) -> bool:
        """Whether the client has to send or to read before anything happens."""
        return self._arriving or self._unanswered is None or self.transport.get_write_buffer_size() > 0

    @property
    def _unanswered(self) -> RequestResponseCycle | None:
        cycle: RequestResponseCycle | None = self.cycle
        return None if cycle is None or cycle.response_complete else cycle

    def abort(self) -> None:
        """Closes the connection at once, whatever was not sent."""
        self.transport.abort()

    def _others(self) -> Iterator["BoundedProtocol"]:
        return (one for one in self.connections if isinstance(one, BoundedProtocol) and one is not self)

    def data_received(self, data: bytes) -> None:
        if self._refusing:
            return
        if self._within_headers:
            self._header_bytes += self._header_part(data)
            if self._header_bytes > MAX_HEADER_BYTES:  # before they are parsed: they may arrive all at once
                self._refuse(b"431 Request Header Fields Too Large", b"the headers are too long")
                return
        super().data_received(data)

    def _header_part(self, data: bytes) -> int:
        """How many bytes of ``data`` are headers; their end may be cut in two."""
        joined = self._tail + data
        end = joined.find(_END_OF_HEADERS)
        self._tail = joined[-len(_END_OF_HEADERS) + 1 :]
        return len(data) if end < 0 else end + len(_END_OF_HEADERS) - (len(joined) - len(data))

    def on_message_begin(self) -> None:
        self._within_headers = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._within_headers, self._header_bytes, self._tail = False, 0, b""
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MAX_HEADER_BYTES:
            # In the same packet as the previous request; the parser answers 400.
            raise ValueError("the headers are too long")
        if len(self.pipeline) >= MAX_PIPELINED:
            raise ValueError("too many requests at a time")
        self._arriving, self._deadline = True, None
        super().on_headers_complete()
        if (cycle := self._unanswered) and cycle not in self._cycles:
            self._cycles.append(cycle)

    def on_message_complete(self) -> None:
        self._within_headers, self._arriving = True, False  # of the connection's next request
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._cycles = [one for one in self._cycles if not one.response_complete]
        super().on_response_complete()
        if self._within_headers:
            self._await_headers()

    def pause_writing(self) -> None:
        """More than a few packets of answers are unread: those of all connections are bounded together."""
        super().pause_writing()
        unread = {one: one.transport.get_write_buffer_size() for one in (self, *self._others())}
        if sum(unread.values()) > MAX_UNREAD_BYTES:
            max(unread, key=lambda one: unread[one]).abort()

    def shutdown(self) -> None:
        """The server stops: clients have a few seconds to send or read the rest."""
        super().shutdown()
        self._answer_seconds = STOPPING_SECONDS
        self._unread_since = self.loop.time()
        if self._arriving:
            self._deadline = self.loop.time() + STOPPING_SECONDS

    def send_400_response(self, msg: str) -> None:
        """Answers what is not HTTP; earlier requests of the connection must not take that for their answer."""
        if self.pipeline:
            self.abort()
        elif self._unanswered and not self._arriving:
            self._unanswered.keep_alive = False
            self.flow.pause_reading()
        else:
            self._refusing, self._deadline = True, None
            self.flow.pause_reading()
            self.loop.call_later(NONSENSE_SECONDS, self._refuse, b"400 Bad Request", msg.encode("ascii"))

    def _await_headers(self) -> None:
        self._within_headers = True
        self._waits_since = self.loop.time()
        self._deadline = self._waits_since + HEADER_SECONDS

    def _check_deadlines(self) -> None:
        self._check = self.loop.call_later(min(_CHECK_SECONDS, HEADER_SECONDS), self._check_deadlines)
        now = self.loop.time()
        unread = self.transport.is_closing() or self.transport.get_write_buffer_size() > 0
        if unread and self._unread and now - self._unread_since > self._answer_seconds:
            self.abort()
            return
        if unread != self._unread:
            self._unread, self._unread_since = unread, now
        if self._deadline is not None and now > self._deadline:
            if self._arriving:
                self._refuse(b"503 Service Unavailable", b"the server is stopping")
            elif self._unanswered is None:
                self._refuse(b"408 Request Timeout", b"the headers did not arrive in time")

    def _refuse(self, status: bytes, why: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._unanswered and self._unanswered.response_started:
            self.transport.close()
            return
        body = b'{"error": "' + why + b'"}'
        head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
        self.transport.write(b"HTTP/1.1 " + status + b"\r\n" + head + body)
        self.transport.close()


class Lingering:
    """ASGI middleware that closes a connection whose request was answered before its body was there.

    uvicorn drains such a body for as long as it arrives. Here it is drained slowly and for a short time only, since a
    client that is still sending would not see its answer if the connection were closed at once.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Calls the wrapped application."""
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        arriving, early = True, False

        async def received() -> Message:
            nonlocal arriving
            message = await receive()
            arriving = bool(message.get("more_body"))
            return message

        async def sent(message: Message) -> None:
            nonlocal early
            if message["type"] == "http.response.start" and arriving:
                early = True
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            elif early and not message.get("more_body"):
                message = {**message, "more_body": True}
            await send(message)

        async def rest() -> None:
            while arriving:
                await received()
                await asyncio.sleep(_LINGER_PAUSE)

        await self._app(scope, received, sent)
        if early:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(rest(), LINGER_SECONDS)
            await send({"type": "http.response.body"})


def _has_body(scope: Scope) -> bool:
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        for name, value in scope["headers"]
    )
