"""Every HTTP request that this process sends: bounded in time and bytes, through the proxies of the environment.

``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name the certificates to trust.
"""

import os
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import httpx

from models.proxies import UnsupportedProxy, proxy_of

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 10
_STALLED = 60.0  # seconds without a byte


class RequestFailed(Exception):
    """One phrase that says why there is no answer. It does not contain the address, which may be a secret."""


class Answer(NamedTuple):
    """An answer, whatever its status; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300


def request(
    method: str,
    url: str,
    *,
    seconds: float,
    most_bytes: int,
    json: Any = None,
    redirects: bool = False,
    into: Callable[[bytes], object] | None = None,
) -> Answer:
    """Sends a request and reads the answer.

    Args:
      method: GET or POST.
      url: ``http://...`` or ``https://...``.
      seconds: in all, from the look-up of the name to the last byte of the answer.
      most_bytes: of the answer; 0: only the status and the headers are read.
      json: sent as the body.
      redirects: whether redirects are followed.
      into: takes the content of an answer of 2xx piece by piece, which is then not kept.

    Raises:
      RequestFailed: there is no answer, or it is too long.
    """
    exchange = _Exchange(time.monotonic() + seconds, most_bytes, into)
    thread = threading.Thread(target=exchange.run, args=(method, url, json, redirects), daemon=True)
    thread.start()
    thread.join(seconds)
    exchange.close()
    if exchange.answer:
        return exchange.answer
    error = exchange.error
    raise RequestFailed(f"no answer within {seconds:g} s" if error is None else _phrase(error, seconds)) from error


def server_client(base_url: str, *, seconds: float, most_bytes: int, connections: int) -> httpx.AsyncClient:
    """A client of one server that is asked again and again, without a proxy; the caller bounds the time in all.

    Args:
      base_url: of the server.
      seconds: without a byte.
      most_bytes: of an answer, which is never inflated; a longer one raises ``httpx.ReadError``.
      connections: at a time.
    """
    limits = httpx.Limits(max_connections=connections)
    transport = _BoundedTransport(
        most_bytes, verify=_verify(httpx.URL(base_url).scheme), limits=limits, trust_env=False
    )
    headers = {"Accept-Encoding": "identity"}
    return httpx.AsyncClient(base_url=base_url, timeout=seconds, transport=transport, headers=headers, trust_env=False)


class _BoundedTransport(httpx.AsyncHTTPTransport):
    def __init__(self, most_bytes: int, **options: Any) -> None:
        super().__init__(**options)
        self._most = most_bytes

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        if answer.headers.get("content-encoding", "identity") != "identity":
            await answer.aclose()
            raise httpx.ReadError("the answer is compressed, which was not asked for", request=request)
        answer.stream = _BoundedStream(answer.stream, self._most, request)
        return answer


class _BoundedStream(httpx.AsyncByteStream):
    def __init__(self, stream: Any, most_bytes: int, request: httpx.Request) -> None:
        self._stream, self._most, self._request = stream, most_bytes, request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        length = 0
        async for piece in self._stream:
            length += len(piece)
            if length > self._most:
                raise httpx.ReadError(f"the answer is longer than {self._most:,} bytes", request=self._request)
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Exchange:
    """A request in a thread of its own: no timeout of a socket bounds a name look-up, or a header that drips."""

    def __init__(self, until: float, most_bytes: int, into: Callable[[bytes], object] | None) -> None:
        self._until, self._most, self._into = until, most_bytes, into
        self._client: httpx.Client | None = None
        self.answer: Answer | None = None
        self.error: Exception | None = None

    def run(self, method: str, url: str, json: Any, redirects: bool) -> None:
        try:
            for _ in range(_MOST_REDIRECTS):
                answer = self._send(method, url, json)
                location = answer.headers.get("location", "")
                if not (redirects and location and answer.status in _REDIRECTS):
                    self.answer = answer
                    return
                url = str(httpx.URL(url).join(location))
            raise RequestFailed(f"more than {_MOST_REDIRECTS} redirects")
        except Exception as error:  # noqa: BLE001 - it is raised by the caller's thread
            self.error = error

    def close(self) -> None:
        """Ends what is still in progress."""
        self._until = 0.0
        with suppress(Exception):
            if self._client:
                self._client.close()

    def _send(self, method: str, url: str, json: Any) -> Answer:
        parsed = httpx.URL(url)
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise RequestFailed("the address must be http://HOST... or https://HOST...")
        options = {"proxy": proxy_of(parsed.scheme, parsed.host, parsed.port), "verify": _verify(parsed.scheme)}
        headers = {"Accept-Encoding": "identity"}  # a bound on bytes that are inflated later is none
        with httpx.Client(**options, trust_env=False, timeout=_STALLED, headers=headers) as self._client:  # type: ignore[arg-type]
            self._check_time()
            with self._client.stream(method, url, json=json) as answer:
                found = {name.lower(): value for name, value in answer.headers.items()}
                return Answer(answer.status_code, found, self._read(answer) if self._most else b"")

    def _read(self, answer: httpx.Response) -> bytes:
        kept, length = [], 0
        for piece in answer.iter_raw():
            self._check_time()
            length += len(piece)
            if length > self._most:
                raise RequestFailed(f"the answer is longer than {self._most:,} bytes")
            if self._into and answer.is_success:
                self._into(piece)
            else:
                kept.append(piece)
        return b"".join(kept)

    def _check_time(self) -> None:
        if time.monotonic() > self._until:
            raise TimeoutError


def _verify(scheme: str) -> ssl.SSLContext | bool:
    """The certificates to trust; those of the environment are not looked at where none is needed."""
    if scheme == "http":
        return False
    try:
        return httpx.create_ssl_context()
    except OSError as error:  # ssl.SSLError is one
        name = next((one for one in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(one)), "certifi")
        where = os.environ.get(name, "")
        raise RequestFailed(f"{name}: no certificates can be read from {where}: {error.strerror or error}") from None


def _phrase(error: Exception, seconds: float) -> str:
    if isinstance(error, (RequestFailed, UnsupportedProxy)):
        return str(error)
    if isinstance(error, (httpx.ConnectTimeout, httpx.PoolTimeout)):
        return "no connection in time"
    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        return f"no answer within {min(seconds, _STALLED):g} s"
    what = " ".join(str(error).split())[:200]
    if isinstance(error, httpx.ProxyError):
        return f"the proxy did not connect: {what}"
    if isinstance(error, httpx.ConnectError):
        if "CERTIFICATE" in what or "SSL" in what:
            return f"no TLS connection: {what}; SSL_CERT_FILE names the certificates to trust"
        return f"no server at this address: {what}"
    if isinstance(error, httpx.RemoteProtocolError):
        return f"the server does not answer as HTTP has it: {what}"
    if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError)):
        return "the address is malformed"
    if isinstance(error, httpx.HTTPError):
        return f"the connection broke off: {what or type(error).__name__}"
    if isinstance(error, OSError):  # where the answer is written to
        return error.strerror or type(error).__name__
    return type(error).__name__  # not its text, which may contain the address
