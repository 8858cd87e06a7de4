"""Clients that are slow, silent or do not speak HTTP; the application is small and needs no model."""

import json
import re
import socket
import threading
import time
from contextlib import asynccontextmanager, contextmanager, suppress

import httpx
import pytest
from running_server import running
from starlette.responses import Response

from pipeline.serving.server import connections
from pipeline.serving.server.admission import Admission, Limits, read_body
from pipeline.serving.server.endpoints import Metrics, application

BIG = 30_000_000
LIMITS = Limits(max_body=1_000_000, upload_seconds=1.0)
GUARD = 20  # seconds: whatever should end has ended by then


def application_of_a_test():
    @asynccontextmanager
    async def lifespan(_):
        yield

    admission = Admission(LIMITS)

    async def read(request):
        with admission.reservation() as reservation:
            return Response(str(len(await read_body(request, reservation, LIMITS))))

    async def big(_):
        return Response(bytes(BIG))

    async def no_memory(_):
        raise MemoryError

    routes = [("/read", read, ["POST"]), ("/big", big, ["GET"]), ("/no_memory", no_memory, ["GET"])]
    return application(Metrics(), lifespan, routes)


@pytest.fixture(scope="module")
def url():
    with running(application_of_a_test()) as found:
        yield found


@contextmanager
def connection(url):
    found = httpx.URL(url)
    with socket.create_connection((found.host, found.port), timeout=GUARD) as client:
        yield client


def everything(client) -> bytes:
    """What arrives until the connection is closed."""
    found = b""
    with suppress(ConnectionResetError):
        while part := client.recv(1 << 16):
            found += part
    return found


def request(method="POST", path="/read", *headers, body=b"", version="1.1"):
    lines = [f"{method} {path} HTTP/{version}", "Host: x", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


CHUNKED = "Transfer-Encoding: chunked"
LONG = "Content-Length: 900000"


class TestBodiesWithoutAnEnd:
    @pytest.mark.parametrize(
        ("head", "status"),
        [
            (request("POST", "/nope", CHUNKED), 404),
            (request("POST", "/nope", LONG), 404),
            (request("GET", "/healthz", CHUNKED), 200),
            (request("GET", "/healthz", "Content-Length: 99999999999"), 200),
            (request("PUT", "/healthz", CHUNKED), 405),
            (request("HEAD", "/healthz", LONG), 200),
            (request("OPTIONS", "/metrics", LONG), 405),
            (request("POST", "/read", CHUNKED), 413),
            (request("POST", "/read", "Content-Length: 99999999999"), 413),
            (request("POST", "/read", CHUNKED, "Content-Encoding: gzip"), 415),
            (request("POST", "/nope", CHUNKED, "Expect: 100-continue"), 404),
            (request("POST", "/nope", CHUNKED, version="1.0"), 404),
        ],
    )
    def test_the_connection_is_closed_after_the_answer(self, url, monkeypatch, head, status):
        monkeypatch.setattr(connections, "LINGER_SECONDS", 0.3)
        until = time.monotonic() + GUARD
        with connection(url) as client:
            client.sendall(head)

            def endless():
                with suppress(OSError):
                    while time.monotonic() < until:
                        client.sendall(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")

            sender = threading.Thread(target=endless)
            sender.start()
            answer = everything(client)
            sender.join()
        assert time.monotonic() < until
        assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]
        assert b"connection: close" in answer

    def test_a_slow_one_is_answered_and_closed(self, url):
        with connection(url) as client:
            client.sendall(request("POST", "/read", "Content-Length: 10", body=b"x"))
            assert everything(client).startswith(b"HTTP/1.1 408")

    def test_a_connection_is_kept_when_the_body_was_read(self, url):
        with connection(url) as client:
            for _ in range(3):
                client.sendall(request("POST", "/read", "Content-Length: 10"))
                time.sleep(0.05)
                client.sendall(b"x" * 10)
                assert client.recv(4096).endswith(b"\r\n10")


class TestHeaders:
    def test_dripping(self, url, monkeypatch):
        monkeypatch.setattr(connections, "HEADER_SECONDS", 0.5)
        for beginning in (b"", request("GET", "/healthz")):
            with connection(url) as client:
                client.sendall(beginning)
                if beginning:
                    assert client.recv(4096).startswith(b"HTTP/1.1 200")
                    drip = b"\r\n"  # between requests, which no parser counts as the begin of one
                else:
                    drip = b"G"
                until = time.monotonic() + GUARD
                with suppress(OSError):
                    while time.monotonic() < until:
                        client.sendall(drip)
                        time.sleep(0.05)
                assert time.monotonic() < until


class TestNonsense:
    @pytest.mark.parametrize(
        "sent",
        [b"\0\1\2 nonsense\r\n\r\n", request("POST", "/read", CHUNKED, body=b"zz\r\n"), b"GET\r\n\r\n" * 2],
        ids=["bytes", "chunk", "line"],
    )
    def test_what_is_no_http_waits_for_its_answer_and_others_do_not(self, url, monkeypatch, sent):
        monkeypatch.setattr(connections, "NONSENSE_SECONDS", 1.0)
        begun = time.monotonic()
        with connection(url) as client:
            client.sendall(sent)
            with connection(url) as other:
                other.sendall(request("GET", "/healthz"))
                assert other.recv(4096).startswith(b"HTTP/1.1 200")
                assert time.monotonic() < begun + 0.9
            assert everything(client).startswith(b"HTTP/1.1 400")
        assert 0.9 < time.monotonic() - begun < GUARD

    def test_more_of_it_changes_nothing(self, url, monkeypatch):
        monkeypatch.setattr(connections, "NONSENSE_SECONDS", 0.3)
        with connection(url) as client:
            with suppress(OSError):
                for _ in range(10):
                    client.sendall(b"\0nonsense\r\n\r\n")
                    time.sleep(0.01)
            assert everything(client).count(b"HTTP/1.1") == 1

    def test_whoever_does_not_wait_leaves_nothing_behind(self, url, monkeypatch):
        monkeypatch.setattr(connections, "NONSENSE_SECONDS", 0.2)
        for _ in range(20):
            with connection(url) as client:
                client.sendall(b"\0nonsense\r\n\r\n")
        time.sleep(0.4)
        assert httpx.get(f"{url}/healthz").status_code == 200


class TestAnswersThatNobodyReads:
    def test_there_is_a_deadline(self, url, monkeypatch):
        monkeypatch.setattr(connections, "ANSWER_SECONDS", 0.3)
        with connection(url) as client:
            client.sendall(request("GET", "/big"))
            time.sleep(3)
            assert len(everything(client)) < BIG

    def test_also_where_the_connection_is_to_be_closed(self, url, monkeypatch):
        monkeypatch.setattr(connections, "ANSWER_SECONDS", 0.3)
        with connection(url) as client:
            client.sendall(request("GET", "/big", "Connection: close"))
            time.sleep(3)
            assert len(everything(client)) < BIG

    def test_a_reader_gets_all_of_it(self, url):
        with connection(url) as client:
            client.sendall(request("GET", "/big", "Connection: close"))
            time.sleep(0.5)
            assert len(everything(client)) > BIG

    def test_all_together_are_bounded(self, url, monkeypatch):
        monkeypatch.setattr(connections, "MAX_UNREAD_BYTES", 2 * BIG)
        opened = [socket.create_connection((httpx.URL(url).host, httpx.URL(url).port), GUARD) for _ in range(5)]
        for client in opened:
            client.sendall(request("GET", "/big", "Connection: close"))
        time.sleep(1)
        found = [len(everything(client)) for client in opened]
        for client in opened:
            client.close()
        assert 2 <= sum(size < BIG for size in found) < 5


def test_the_client_that_waits_longest_makes_room(url, monkeypatch):
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 5)
    silent = []
    for _ in range(10):
        silent.append(socket.create_connection((httpx.URL(url).host, httpx.URL(url).port), GUARD))
        silent[-1].sendall(request("POST", "/read", "Content-Length: 10", body=b"x"))
        time.sleep(0.02)
    assert httpx.get(f"{url}/healthz").status_code == 200
    answers = [everything(client) for client in silent]
    for client in silent:
        client.close()
    assert answers[:5] == [b""] * 5
    assert [answer[:12] for answer in answers[-4:]] == [b"HTTP/1.1 408"] * 4


NO_HTTP = {
    "garbage": b"hello\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "version": b"GET /healthz HTTP/9.9\r\n\r\n",
    "method": b"BREW /healthz HTTP/1.1\r\n\r\n",
    "no path": b"GET  HTTP/1.1\r\n\r\n",
    "asterisk": request("OPTIONS", "*"),
    "authority": request("CONNECT", "example.com:443"),
    "path not in ASCII": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL in a header": request("GET", "/healthz", "X: a\0b"),
    "no colon": request("GET", "/healthz", "nonsense"),
    "two lengths": request("POST", "/read", "Content-Length: 3", "Content-Length: 4", body=b"abc"),
    "negative length": request("POST", "/read", "Content-Length: -3", body=b"abc"),
    "length in hex": request("POST", "/read", "Content-Length: 0x3", body=b"abc"),
    "length beyond 64 bit": request("POST", "/read", f"Content-Length: {'9' * 40}"),
    "length and chunks": request("POST", "/read", "Content-Length: 3", CHUNKED, body=b"0\r\n\r\n"),
    "unknown coding": request("POST", "/read", "Transfer-Encoding: zip", body=b"abc"),
    "chunk size": request("POST", "/read", CHUNKED, body=b"zz\r\nabc\r\n"),
    "chunk size beyond 64 bit": request("POST", "/read", CHUNKED, body=b"f" * 40 + b"\r\n"),
    "chunk longer than announced": request("POST", "/read", CHUNKED, body=b"2\r\nabcdef\r\n0\r\n\r\n"),
    "long path": request("GET", "/" + "a" * 70_000),
    "many headers": request("GET", "/healthz", *(f"X{n}: {'y' * 20}" for n in range(3000))),
    "websocket": request("GET", "/nope", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
    "path in escapes": request("GET", "/%00%ff%ed%a0%80/%2e%2e/%2fetc"),
    "unknown path": request("GET", "//" + "/..;/" * 50),
}


@pytest.mark.parametrize("name", NO_HTTP)
def test_what_is_not_http_is_a_4xx_in_json(url, name):
    with connection(url) as client:
        client.sendall(NO_HTTP[name])
        client.shutdown(socket.SHUT_WR)
        head, _, body = everything(client).partition(b"\r\n\r\n")
    assert re.match(rb"HTTP/1\.1 4\d\d ", head), head
    assert json.loads(body).keys() == {"error"}
    assert httpx.get(f"{url}/healthz").status_code == 200


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (request("GET", "/healthz", version="1.0"), b"HTTP/1.1 200"),
        (b"GET /healthz\r\n\r\n", b"HTTP/1.1 200"),
        (request("GET", "http://elsewhere/healthz"), b"HTTP/1.1 200"),
        (request("GET", "/healthz", "Host: y"), b"HTTP/1.1 200"),
        (request("POST", "/read", CHUNKED, body=b"3\r\nabc\r\n0\r\n\r\n"), b"HTTP/1.1 200"),
        (request("POST", "/read", "Expect: 100-continue", "Content-Length: 3", body=b"abc"), b"HTTP/1.1 100"),
        (request("POST", "/read", "Content-Length: 30", body=b"abc"), b""),  # cut: nobody is there for an answer
    ],
)
def test_what_is_unusual(url, sent, answer):
    with connection(url) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        found = everything(client)
    assert found.startswith(answer)
    assert b"HTTP/1.1 5" not in found


class TestPipelines:
    def test_in_order(self, url):
        with connection(url) as client:
            bodies = [b"x" * n for n in range(1, 9)]
            client.sendall(b"".join(request("POST", "/read", f"Content-Length: {len(b)}", body=b) for b in bodies))
            client.sendall(request("GET", "/healthz", "Connection: close"))
            found = everything(client)
        assert re.findall(rb"\r\n\r\n(\d+)", found) == [str(n).encode() for n in range(1, 9)]

    @pytest.mark.parametrize("behind", [b"\0garbage\r\n\r\n", request("GET", "/healthz") * 2000])
    def test_what_follows_does_not_change_an_answer(self, url, behind):
        with connection(url) as client:
            with suppress(OSError):
                client.sendall(request("POST", "/read", "Content-Length: 3", body=b"abc") + behind)
            found = everything(client)
        assert not found or found.startswith(b"HTTP/1.1 200 ")
        assert found.count(b"HTTP/1.1 ") <= 1 + connections.MAX_PIPELINED


def test_the_server_stops_though_clients_hang(monkeypatch):
    monkeypatch.setattr(connections, "STOPPING_SECONDS", 0.3)
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 1000)
    monkeypatch.setattr(connections, "HEADER_SECONDS", 1000)
    started = time.monotonic()
    with running(application_of_a_test()) as url:
        address = httpx.URL(url).host, httpx.URL(url).port
        clients = [socket.create_connection(address, GUARD) for _ in range(4)]
        beginnings = (b"", b"GET /hea", request("GET", "/big"), request("GET", "/big", "Connection: close"))
        for client, beginning in zip(clients, beginnings, strict=True):
            client.sendall(beginning)
        time.sleep(0.5)
    assert time.monotonic() - started < GUARD
    for client in clients:
        client.close()


@pytest.mark.parametrize("coding", ["", "identity", "Identity"])
def test_a_body_that_is_not_compressed(url, coding):
    assert httpx.post(f"{url}/read", content=b"abc", headers={"Content-Encoding": coding}).text == "3"


def test_a_slash_too_many_is_not_a_redirect(url):
    answer = httpx.get(f"{url}/healthz/")
    assert (answer.status_code, answer.json().keys()) == (404, {"error"})


def test_memory_that_runs_out(url):
    answer = httpx.get(f"{url}/no_memory")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "not enough memory" in answer.json()["error"]
    assert httpx.get(f"{url}/healthz").is_success
