"""An honest client beside slow, huge and malformed ones: its latency, alone and with them.

    python -m benchmarks serving_hostile --model output/serving --images output/data/digits

Rounds alternate: 200 requests of the honest client alone, then 200 beside 600 connections that stop in mid-body, 4 that
send a body without an end to a path that does not exist, 2 that send the largest images, in pixels and in bytes, and 2
that send nonsense. All of them share the machine with the server.
"""

import argparse
import base64
import json
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
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
    hostile_clients = (*[(endless, b"")] * 4, (huge, pixels), (huge, length), *[(malformed, b"")] * 2)
    command = [sys.executable, "-W", "ignore", "-m", "pipeline", "serve", "--model", str(options.model), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None  # noqa: S101 - for the type checker
            at = server.stdout.readline().rpartition("http://")[2].strip()
            address = at.partition(":")[0], int(at.partition(":")[2])
            clients_process(at, options.images, 1, _REQUESTS)  # warms up
            alone: list[float] = []
            beside: list[float] = []
            for _ in range(_ROUNDS):
                alone += clients_process(at, options.images, 1, _REQUESTS)["ms"]
                with ExitStack() as opened:
                    for _ in range(_SLOW):
                        connection = opened.enter_context(socket.create_connection(address, timeout=10))
                        connection.sendall(_PREDICT + b"Content-Length: 100\r\n\r\n{")
                    end = threading.Event()
                    hostile = [
                        threading.Thread(target=repeated, args=(one, address, body, end), daemon=True)
                        for one, body in hostile_clients
                    ]
                    for thread in hostile:
                        thread.start()
                    beside += clients_process(at, options.images, 1, _REQUESTS)["ms"]
                    end.set()
                for thread in hostile:
                    thread.join(30)
            for name, ms in (("alone", alone), ("beside", beside)):
                print(f"{name:<8}p50 {percentile(ms, 0.5):8.2f} ms   p99 {percentile(ms, 0.99):8.2f} ms   of {len(ms)}")
            ratios = [percentile(beside, share) / percentile(alone, share) for share in (0.5, 0.99)]
            print(f"ratio   p50 {ratios[0]:8.2f}      p99 {ratios[1]:8.2f}")
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
