"""HTTP/1.1 connections with bounded headers; uvicorn's fast parser does not bound them."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADER_BYTES = 64 * 1024
HEADER_SECONDS = 20.0
_END = b"\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers are too long or too slow."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._header_bytes, self._tail = 0, b""
        self._within_headers = True
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        self._drop_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._within_headers:
            self._header_bytes += self._header_part(data)
            if self._header_bytes > MAX_HEADER_BYTES:  # before they are parsed: they may arrive all at once
                if not self.transport.is_closing():
                    self._refuse(b"431 Request Header Fields Too Large", b"the headers are too long")
                return
        super().data_received(data)

    def _header_part(self, data: bytes) -> int:
        """How many bytes of ``data`` are headers; their end may be cut in two."""
        joined = self._tail + data
        end = joined.find(_END)
        self._tail = joined[-len(_END) + 1 :]
        return len(data) if end < 0 else end + len(_END) - (len(joined) - len(data))

    def on_message_begin(self) -> None:
        self._within_headers = True
        self._drop_deadline()
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._too_slow)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._within_headers, self._header_bytes, self._tail = False, 0, b""
        self._drop_deadline()
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MAX_HEADER_BYTES:
            raise ValueError(
                "the headers are too long"
            )  # in the same packet as the previous request; the parser answers 400
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._within_headers = True  # of the connection's next request
        super().on_message_complete()

    def _too_slow(self) -> None:
        if self._within_headers and not self.transport.is_closing():
            self._refuse(b"408 Request Timeout", b"the headers did not arrive in time")

    def _drop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: bytes, why: bytes) -> None:
        body = b'{"error": "' + why + b'"}'
        head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
        self.transport.write(b"HTTP/1.1 " + status + b"\r\n" + head + body)
        self.transport.close()
