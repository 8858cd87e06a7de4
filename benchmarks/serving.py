"""The cost of serving over a bare call of the same SavedModel: latency, requests a second, memory.

    python benchmarks/serving.py --model output/serving --images output/data/digits [--requests 10000]

Starts ``siamese serve``; asks ``compare`` with pairs of the images, one pair a request, from 1, 8 and 64 clients that
each ask again once they are answered (clients are a process of their own, over raw sockets). Between the rounds of the
lone client, in turn, this process calls the signature itself with the same pairs, so that both meet the same machine.
Then the server's memory over ``--requests`` further requests from 8 clients.
"""

import argparse
import base64
import json
import os
import selectors
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

CLIENTS = (1, 8, 64)
_ROUNDS = 6
_PAIRS = 64
_WARM_UP = 200


def pairs_of(images: Path) -> list[tuple[bytes, bytes]]:
    """Pairs of the images below a folder, spread over it."""
    from components.storage.folders import LocalFolder, find_images
    from models.data.image_formats import UnreadableImage, normalise

    found: list[bytes] = []
    paths = [images / image.path for image in find_images(LocalFolder(str(images)))[0]]
    for path in paths[:: max(1, len(paths) // (2 * _PAIRS))]:
        try:
            found.append(normalise(path.read_bytes()).data)
        except UnreadableImage:  # noqa: PERF203 - few
            continue
    if len(found) < 2:
        sys.exit(f"error: --images {images}: fewer than two images")
    return [(found[n % len(found)], found[(n * 7 + 1) % len(found)]) for n in range(_PAIRS)]


def load(address: tuple[str, int], requests: list[bytes], clients: int, count: int) -> tuple[list[float], float]:
    """Seconds of each of ``count`` requests from ``clients`` connections at once, and of all together."""
    selector = selectors.DefaultSelector()
    latencies: list[float] = []
    sent = 0

    def ask(connection: socket.socket, state: dict[str, Any]) -> None:
        nonlocal sent
        state.update(since=time.perf_counter(), answer=b"", length=None)
        connection.sendall(requests[sent % len(requests)])
        sent += 1

    started = time.perf_counter()
    for _ in range(clients):
        opened = socket.create_connection(address)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asking: dict[str, Any] = {}
        selector.register(opened, selectors.EVENT_READ, asking)
        ask(opened, asking)
    while len(latencies) < count:
        for key, _ in selector.select():
            state = key.data
            connection: Any = key.fileobj
            state["answer"] += connection.recv(1 << 16)
            head, separator, body = state["answer"].partition(b"\r\n\r\n")
            if not separator:
                continue
            if not head.startswith(b"HTTP/1.1 200"):
                sys.exit(f"error: {head[:40]!r} {body[:200]!r}")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            if len(body) < int(length.partition(b":")[2]):
                continue
            latencies.append(time.perf_counter() - state["since"])
            if sent < count:
                ask(connection, state)
    took = time.perf_counter() - started
    for key in list(selector.get_map().values()):
        selector.unregister(key.fileobj)
        key.fileobj.close()  # type: ignore[union-attr]
    return latencies, took


def resident_mb(process: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def clients_process(address: str, images: Path, clients: int, count: int) -> dict[str, Any]:
    """A load from a process of its own: its latencies in ms, and requests a second."""
    command = [sys.executable, "-W", "ignore", __file__, "--images", str(images), "--model", "-", "--at", address]
    done = subprocess.run(
        [*command, "--clients", str(clients), "--requests", str(count)], check=True, capture_output=True, text=True
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def percentile(values: list[float], share: float) -> float:
    """The value below which that share lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def measure(model_dir: Path, images: Path, requests: int) -> None:
    """Runs everything and prints a table."""
    from components.serving_folder.serving_folder import served
    from models.export.inference import LoadedModel

    version = model_dir if (model_dir / "saved_model.pb").is_file() else served(model_dir)
    if version is None:
        sys.exit(f"error: --model {model_dir}: neither a SavedModel nor a folder of versions of one")
    model, pairs = LoadedModel(Path(version)), pairs_of(images)
    command = [sys.executable, "-W", "ignore", "-m", "pipeline", "serve", "--model", str(model_dir), "--port", "0"]
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None  # noqa: S101 - for the type checker
            address = server.stdout.readline().rpartition("http://")[2].strip()
            print(f"ready after {time.monotonic() - started:.1f} s; images such as {len(pairs[0][0]):,} bytes")
            clients_process(address, images, 8, _WARM_UP)
            bare: list[float] = []
            lone: list[float] = []
            for number in range(_ROUNDS + 1):
                round_bare = []
                for n in range(200):
                    a, b = pairs[n % _PAIRS]
                    since = time.perf_counter()
                    model.answer("compare", {"image_a": [a], "image_b": [b]})
                    round_bare.append((time.perf_counter() - since) * 1e3)
                round_lone = clients_process(address, images, 1, 200)["ms"]
                if number:  # the first warms up
                    bare += round_bare
                    lone += round_lone
            print(f"{'':<14}{'p50 ms':>9}{'p99 ms':>9}{'requests/s':>12}")
            show("bare call", bare, 1e3 / statistics.mean(bare))
            show("1 client", lone, 1e3 / statistics.mean(lone))
            for clients in CLIENTS[1:]:
                found = clients_process(address, images, clients, 2000)
                show(f"{clients} clients", found["ms"], found["per_second"])
            aim = 1.3 * percentile(bare, 0.5) + 2
            print(f"aim for one client: p50 within {aim:.2f} ms; it is {percentile(lone, 0.5):.2f} ms")
            memory = [resident_mb(server.pid)]
            for _ in range(5):
                clients_process(address, images, 8, requests // 5)
                memory.append(resident_mb(server.pid))
            print(f"memory over {requests:,} requests, MB: " + " ".join(f"{mb:.0f}" for mb in memory))
        finally:
            server.terminate()


def show(name: str, ms: list[float], per_second: float) -> None:
    """One row."""
    print(f"{name:<14}{percentile(ms, 0.5):>9.2f}{percentile(ms, 0.99):>9.2f}{per_second:>12.0f}")


def main() -> None:
    """Measures, or is the clients of a measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a serving folder or one SavedModel")
    parser.add_argument("--images", type=Path, required=True, help="a folder of images such as it was trained on")
    parser.add_argument("--requests", type=int, default=10_000, help="over which memory is watched")
    parser.add_argument("--at", help=argparse.SUPPRESS)
    parser.add_argument("--clients", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.at:
        measure(options.model, options.images, options.requests)
        return
    host, port = options.at.split(":")
    requests = []
    for pair in pairs_of(options.images):
        instance = {
            key: {"b64": base64.b64encode(image).decode()}
            for key, image in zip(("image_a", "image_b"), pair, strict=True)
        }
        body = json.dumps({"signature_name": "compare", "instances": [instance]}).encode()
        head = f"POST /v1/models/siamese:predict HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
        requests.append(head.encode() + body)
    latencies, took = load((host, int(port)), requests, options.clients, options.requests)
    print(json.dumps({"ms": [one * 1e3 for one in latencies], "per_second": len(latencies) / took}))


if __name__ == "__main__":
    main()
