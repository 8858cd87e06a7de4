"""The server of the UI, which pods of its namespace find by the variables of its service."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from kfp_api import ui

_SCHEMES = {"gs": "gcs"}  # -> folder of the buckets; others have their own name


class Objects(Mapping[str, bytes]):
    """The objects of the buckets: ``<scheme>/<bucket>/<key>`` -> content."""

    def __init__(self, buckets: Path) -> None:
        self._buckets = buckets

    def __getitem__(self, name: str) -> bytes:
        scheme, _, path = name.partition("/")
        try:
            return (self._buckets / _SCHEMES.get(scheme, scheme) / path).read_bytes()
        except (FileNotFoundError, IsADirectoryError):
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        schemes = {folder: scheme for scheme, folder in _SCHEMES.items()}
        for path in self._buckets.rglob("*"):
            if path.is_file():
                folder, *rest = path.relative_to(self._buckets).parts
                yield "/".join((schemes.get(folder, folder), *rest))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@contextmanager
def serving_ui(buckets: Path, logs: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """A running server: (host, port)."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = dict(parse_qsl(url.query))
            answer = ui.Answer(404, b"Cannot GET")
            if url.path == "/artifacts/get":
                answer = ui.artifact(query, Objects(buckets))
            elif url.path == "/k8s/pod/logs":
                answer = ui.pod_log(query, logs)
            self.send_response(answer.status)
            if answer.kind:
                self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield "127.0.0.1", server.server_port
        finally:
            server.shutdown()
