"""Memory of a server under a mixed load: images of many sizes, in requests of many sizes, from many clients.

    python -m benchmarks serving_memory --model output/serving [--requests 5000] [--clients 24]

Starts ``siamese serve`` and prints its resident memory after each tenth of the requests, with the highest within that
tenth, and after a minute without load. Clients come
and go, and the images (smooth as photographs are, JPEG and PNG, 20 to 4,000 pixels a side) are embedded in requests of
1 to 32, so that neither the shapes nor the number of bytes repeat. ``--large`` adds the largest images that are
accepted, in pixels (7,000 a side) and in bytes (PNGs of noise); ``--worst`` sends nothing else.
"""

import argparse
import base64
import http.client
import io
import json
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.serving import resident_mb

_SIDES = (20, 60, 150, 400, 900, 1600, 2500, 4000)
_LARGE = (4000, 7000)
_NOISE = (1500, 2300)
_EACH = 3
_STEP = 0.2
_QUIET = 60.0


def photographs(large: bool, seed: int = 0) -> list[bytes]:
    """Encoded images of every size, smooth enough to compress as photographs do, and large ones that are not."""
    random_numbers = np.random.default_rng(seed)
    found = []
    for side in _SIDES + _LARGE * large:
        for number in range(_EACH):
            height, width = side, max(8, int(side * random_numbers.uniform(0.5, 1)))
            coarse = random_numbers.integers(0, 256, (8, 8, 3), np.uint8)
            image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
            if number == 1:
                image = image.convert("L")
            file = io.BytesIO()
            image.save(file, "PNG" if number == 2 and side < 1000 else "JPEG")
            found.append(file.getvalue())
    for side in _NOISE * large:
        file = io.BytesIO()
        noise = random_numbers.integers(0, 256, (side, side, 3), np.uint8)
        Image.fromarray(noise).save(file, "PNG", compress_level=1)
        found.append(file.getvalue())
    return found


def client(address: str, images: list[bytes], worst: bool, seed: int, total: int, answers: "Counter[int]") -> None:
    """Requests one after another until all clients have sent ``total``, each over a new connection or the last one."""
    chance = random.Random(seed)
    connection = http.client.HTTPConnection(address, timeout=120)
    while sum(answers.values()) < total:
        if chance.random() < 0.3:
            connection.close()
        few = images[: 3 * _EACH] if chance.random() < 0.6 else images
        count = chance.choice((1, 1, 1, 2, 5, 13, 32)) if len(few) < len(images) else chance.choice((1, 1, 2, 4))
        if worst:
            few, count = images[-len(_NOISE) - _EACH :], 4
        values = [{"b64": base64.b64encode(chance.choice(few)).decode()} for _ in range(count)]
        body = json.dumps({"signature_name": "embed", "instances": values})
        try:
            connection.request("POST", "/v1/models/siamese:predict", body)
            answer = connection.getresponse()
            answer.read()
            answers[answer.status] += 1
        except (OSError, http.client.HTTPException):
            answers[0] += 1
            connection.close()


def main() -> None:
    """Prints a table: seconds, resident memory, requests answered by status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a serving folder or one SavedModel")
    parser.add_argument("--requests", type=int, default=5000, help="of all clients")
    parser.add_argument("--clients", type=int, default=24, help="at once")
    parser.add_argument("--large", action="store_true", help="the largest images as well")
    parser.add_argument("--worst", action="store_true", help="nothing but the largest images, four in a request")
    options = parser.parse_args()
    images = photographs(options.large or options.worst)
    print(f"{len(images)} images, {sum(map(len, images)) / 1e6:.1f} MB")
    command = [sys.executable, "-W", "ignore", "-m", "pipeline", "serve", "--model", str(options.model), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None  # noqa: S101 - for the type checker
            address = server.stdout.readline().rpartition("http://")[2].strip()
            answers: Counter[int] = Counter()
            started = time.monotonic()
            clients = [
                threading.Thread(target=client, args=(address, images, options.worst, seed, options.requests, answers))
                for seed in range(options.clients)
            ]
            print(f"{'s':>6}{'requests':>10}{'MB':>8}{'highest':>9}  answers by status")
            print(f"{0:>6}{0:>10}{resident_mb(server.pid):>8.0f}", flush=True)
            for one in clients:
                one.start()
            for tenth in range(1, 11):
                highest = 0.0
                while sum(answers.values()) < tenth * options.requests // 10:
                    time.sleep(_STEP)
                    highest = max(highest, resident_mb(server.pid))
                seconds, sent = time.monotonic() - started, sum(answers.values())
                print(
                    f"{seconds:>6.0f}{sent:>10}{resident_mb(server.pid):>8.0f}{highest:>9.0f}  {dict(answers)}",
                    flush=True,
                )
            for one in clients:
                one.join()
            time.sleep(_QUIET)
            print(f"without load for a minute{resident_mb(server.pid):>8.0f}")
            peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text())
            print(f"peak {int(peak[1]) * 1024 / 1e6:.0f} MB" if peak else "")
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
