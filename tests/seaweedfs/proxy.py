"""A TCP proxy on loopback that fails once so many bytes have come from its clients."""

import socket
import struct
import threading
from types import TracebackType
from typing import Literal

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset


class FaultyProxy:
    """Forwards to a port of this machine until ``limit`` bytes have come, then fails every connection in its way.

    Attributes:
      seen: bytes that have come from clients, of which those beyond the limit were not forwarded.
      endpoint: its address.
    """

    def __init__(self, port: int, limit: int | None = None, way: Literal["cut", "stall"] = "cut") -> None:
        self._port, self._limit, self._way = port, limit, way
        self._lock, self.seen = threading.Lock(), 0
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "FaultyProxy":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.close()
        self._cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self._failed and self._way == "cut":
                _reset(client)
                continue
            server = socket.create_connection(("127.0.0.1", self._port))
            with self._lock:
                self._open |= {client, server}
            threading.Thread(target=self._forward, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._forward, args=(server, client, False), daemon=True).start()

    def fail(self, way: Literal["cut", "stall"]) -> None:
        """Fails from now on."""
        self._limit, self._way = 0, way
        if way == "cut":
            self._cut()

    @property
    def _failed(self) -> bool:
        return self._limit is not None and self.seen >= self._limit

    def _forward(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                target.sendall(self._let_through(data) if counted else b"" if self._failed else data)
                if self._failed and self._way == "cut":
                    self._cut()
        except OSError:
            pass
        if not self._failed:
            for one in (source, target):
                one.close()

    def _let_through(self, data: bytes) -> bytes:
        with self._lock:
            left = len(data) if self._limit is None else max(0, self._limit - self.seen)
            self.seen += len(data)
        return data[:left]

    def _cut(self) -> None:
        with self._lock:
            for one in self._open:
                _reset(one)
            self._open.clear()


def _reset(one: socket.socket) -> None:
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    one.close()
