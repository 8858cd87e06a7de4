"""Requests out: bounded in time and bytes, proxies by convention, one phrase for each failure."""

import asyncio
import socket
import threading
import time
from contextlib import contextmanager

import httpx
import pytest

from models.http_client import RequestFailed, request, server_client

OK = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def raw_server(*pieces: bytes, every: float = 0.0, endless: bytes = b""):
    """Answers each connection with these bytes, then with ``endless`` ones; yields its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        try:
            connection.recv(65536)
            for piece in pieces:
                connection.sendall(piece)
            while endless and not over.wait(every):
                connection.sendall(endless)
        except OSError:
            pass
        if endless or not pieces:
            over.wait(60)
        connection.close()

    def accept() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/secret"
    over.set()
    listener.close()


def failure(url: str, **options) -> str:
    with pytest.raises(RequestFailed) as failed:
        request("GET", url, **{"seconds": 1.0, "most_bytes": 1000, **options})
    assert "secret" not in str(failed.value)
    return str(failed.value)


@pytest.mark.parametrize(
    ("pieces", "endless"),
    [
        ((), b""),  # never a byte
        ((OK + b"X: ",), b"a"),  # a header without an end
        ((OK,), b"X: a\r\n"),
        ((OK + b"Content-Length: 900\r\n\r\n",), b"a"),
        ((OK + b"Transfer-Encoding: chunked\r\n\r\n",), b"1\r\na\r\n"),
        ((b"HTTP/1.1 100 Continue\r\n\r\n",), b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_an_answer_that_drips_ends_in_time(pieces, endless):
    with raw_server(*pieces, every=0.05, endless=endless) as url:
        begun = time.monotonic()
        assert failure(url) == "no answer within 1 s"
        assert time.monotonic() - begun < 30


def test_an_answer_without_an_end_is_not_kept():
    with raw_server(OK + b"\r\n", endless=b"a" * 65536) as url:
        assert failure(url, seconds=30) == "the answer is longer than 1,000 bytes"


def test_the_status_alone_is_read_of_an_answer_that_nobody_needs():
    with raw_server(OK + b"Content-Length: 900\r\n\r\n", every=0.05, endless=b"a") as url:
        assert request("POST", url, seconds=30, most_bytes=0, json={}).is_success


@pytest.mark.parametrize(
    ("pieces", "phrase"),
    [
        ((b"SSH-2.0-OpenSSH\r\n\r\n",), "does not answer as HTTP"),
        ((OK + b"Content-Length: 9\r\n\r\nhalf",), "HTTP"),
        ((b"HTTP/1.1 302 Found\r\nLocation: /secret\r\nContent-Length: 0\r\n\r\n",), "more than 10 redirects"),
        ((b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",), "must be http://"),
    ],
)
def test_an_answer_that_is_none(pieces, phrase):
    with raw_server(*pieces) as url:
        assert phrase in failure(url, redirects=True, seconds=30)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://",
            "http://[secret",
            "ftp://h/secret",
            "secret",
            "",
            "http://h:99999999/secret",
            "http://\x00secret/",
        ),
        *("http://a b/secret", "http://h/\nsecret", f"http://{'secret' * 60}/", "http://127.0.0.1:0/secret"),
    ],
)
def test_a_wrong_address_is_one_phrase(url):
    assert failure(url, seconds=30)


def test_a_request_goes_through_the_proxy(monkeypatch):
    with raw_server(OK + b"Content-Length: 2\r\n\r\nhi") as url:
        monkeypatch.setenv("http_proxy", url.removesuffix("/secret"))
        assert request("GET", "http://example.invalid/x", seconds=30, most_bytes=10).content == b"hi"


@pytest.mark.parametrize("kind", ["socks5", "socks4", "ftp"])
def test_a_proxy_that_is_not_supported_is_named(monkeypatch, kind):
    monkeypatch.setenv("ALL_PROXY", f"{kind}://secret:9")
    assert f"all_proxy is a {kind} proxy" in failure("https://example.invalid/")


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificates_that_are_gone_are_named_where_they_are_needed(monkeypatch, tmp_path, content):
    file = tmp_path / "cacert.pem"
    if content:
        file.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    assert f"SSL_CERT_FILE: no certificates can be read from {file}" in failure("https://127.0.0.1:9/")
    with raw_server(OK + b"Content-Length: 0\r\n\r\n") as url:
        assert request("GET", url, seconds=30, most_bytes=10).status == 200


@pytest.mark.parametrize(
    ("head", "body", "problem"),
    [
        (b"Content-Length: 10\r\n\r\n", b"x" * 10, None),
        (b"Content-Length: 11\r\n\r\n", b"x" * 11, "longer than 10 bytes"),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"b\r\n" + b"x" * 11 + b"\r\n0\r\n\r\n", "longer than 10 bytes"),
        (b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\n", b"xxxxx", "compressed"),
    ],
)
def test_a_client_of_one_server_reads_bounded_answers(head, body, problem):
    async def ask(url: str) -> bytes:
        async with server_client(url, seconds=20, most_bytes=10, connections=1) as client:
            return (await client.request("GET", "/")).content

    with raw_server(OK + head, body) as url:
        if problem is None:
            assert asyncio.run(ask(url)) == body
        else:
            with pytest.raises(httpx.ReadError, match=problem):
                asyncio.run(ask(url))
