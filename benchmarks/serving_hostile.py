"""An honest client beside slow, huge and malformed ones: its latency, alone and with them.

    python -m benchmarks serving_hostile --model output/serving --images output/data/digits

Kinds of hostile clients: 600 connections that stop in mid-body; 4 that send a body without an end to a path that does
not exist; 2 that send the largest images, in pixels and in bytes; 2 that send nonsense, without a pause; all of them.
For each kind, 200 requests of the honest client alone and 200 beside them take turns. All share the machine.
"""

import argparse
import base64
import json
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from benchmarks.serving import clients_process, percentile
from benchmarks.serving_memory import photographs

_ROUNDS = 3
_REQUESTS = 200
_SLOW = 600
_PREDICT = b"POST /v1/models/siamese:predict HTTP/1.1\r\nHost: x\r\n"


def endless(connection: socket.socket, _body: bytes) -> None:
    """A body without an end, of which nobody wants to know."""
    connection.sendall(b"POST /nope HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(10_000):
        connection.sendall(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")


def huge(connection: socket.socket, body: bytes) -> None:
    """The largest images."""
    connection.sendall(_PREDICT + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    while connection.recv(1 << 16):
        pass


def malformed(connection: socket.socket, _: bytes) -> None:
    """Nonsense, as HTTP and as JSON."""
    connection.sendall(
        random.choice(
            (
                b"\0\1\2 nonsense\r\n\r\n",
                _PREDICT + b"Connection: close\r\nContent-Length: 10000\r\n\r\n" + b"[" * 10_000,
                _PREDICT + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            )
        )
    )
    while connection.recv(1 << 16):
        pass


def repeated(
    one: Callable[[socket.socket, bytes], None], address: tuple[str, int], body: bytes, end: threading.Event
) -> None:
    """One client after another."""
    while not end.is_set():
        with suppress(OSError), socket.create_connection(address, timeout=10) as connection:
            one(connection, body)


Client = tuple[Callable[[socket.socket, bytes], None], bytes]


@contextmanager
def hostile(address: tuple[str, int], slow: int, others: Sequence[Client]) -> Iterator[None]:
    """Hostile clients for the duration of the block."""
    end = threading.Event()
    threads = [threading.Thread(target=repeated, args=(one, address, body, end), daemon=True) for one, body in others]
    with ExitStack() as opened:
        for _ in range(slow):
            connection = opened.enter_context(socket.create_connection(address, timeout=10))
            connection.sendall(_PREDICT + b"Content-Length: 100\r\n\r\n{")
        for thread in threads:
            thread.start()
        yield
        end.set()
    for thread in threads:
        thread.join(30)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a serving folder or one SavedModel")
    parser.add_argument("--images", type=Path, required=True, help="a folder of images such as it was trained on")
    options = parser.parse_args()
    images = [{"b64": base64.b64encode(image).decode()} for image in photographs(large=True)[-5:]]
    pixels, length = (
        json.dumps({"signature_name": "embed", "instances": some}).encode() for some in (images[:3], images[3:])
    )
    kinds: dict[str, tuple[int, list[Client]]] = {
        "slow": (_SLOW, []),
        "endless": (0, [(endless, b"")] * 4),
        "huge": (0, [(huge, pixels), (huge, length)]),
        "malformed": (0, [(malformed, b"")] * 2),
    }
    kinds["all"] = _SLOW, [client for _, clients in kinds.values() for client in clients]
    command = [sys.executable, "-W", "ignore", "-m", "pipeline", "serve", "--model", str(options.model), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None  # noqa: S101 - for the type checker
            at = server.stdout.readline().rpartition("http://")[2].strip()
            address = at.partition(":")[0], int(at.partition(":")[2])
            clients_process(at, options.images, 1, _REQUESTS)  # warms up
            print(f"{'':<10}{'p50 ms alone':>14}{'beside':>8}{'ratio':>7}{'p99 ms alone':>14}{'beside':>8}{'ratio':>7}")
            for name, clients in kinds.items():
                alone: list[float] = []
                beside: list[float] = []
                for _ in range(_ROUNDS):
                    alone += clients_process(at, options.images, 1, _REQUESTS)["ms"]
                    with hostile(address, *clients):
                        beside += clients_process(at, options.images, 1, _REQUESTS)["ms"]
                row = f"{name:<10}"
                for share in (0.5, 0.99):
                    ms = percentile(alone, share), percentile(beside, share)
                    row += f"{ms[0]:>14.2f}{ms[1]:>8.2f}{ms[1] / ms[0]:>7.2f}"
                print(row, flush=True)
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
