"""The server as a process: its socket, its one line when ready, its end."""

import gc
import logging
import re
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from models.errors import UserError
from models.export.inference import import_tensorflow
from pipeline.serving.server.limits import Limits

_DRAIN_SECONDS = 30

_log = logging.getLogger("siamese.server")


def serve_model(
    model: Path, host: str, port: int, name: str, labels: Mapping[str, int], limits: Limits, poll_seconds: float
) -> None:
    """Serves until SIGTERM or SIGINT; requests under way are finished first.

    Raises:
      UserError: no model that loads, or the port is taken.
    """
    if not model.is_dir():
        raise UserError(f"--model {model}: neither a SavedModel nor a folder of versions of one")
    if not re.fullmatch(r"[\w.-]{1,200}", name, re.ASCII):
        raise UserError(f"--name {name}: must be made of letters, digits, '.', '-' and '_'")
    listener = bind(host, port)
    _log.addHandler(logging.NullHandler())  # what is wrong with the first versions is told below
    _log.propagate = False
    from pipeline.serving.server.app import ModelServer
    from pipeline.serving.server.metrics import Metrics
    from pipeline.serving.server.served_version import ServedVersion
    from pipeline.serving.server.versions import Versions

    # Many calls at a time on one core each, rather than one on all: also the quickest for one image.
    threading = import_tensorflow().config.threading
    threading.set_intra_op_parallelism_threads(1)
    threading.set_inter_op_parallelism_threads(1)
    gc.freeze()  # the libraries stay: to look for an old version's remains then takes no time
    metrics = Metrics()
    versions = Versions(model, labels, lambda number, path: ServedVersion(number, path, limits, metrics))
    versions.refresh()
    if versions.empty:
        raise UserError(
            f"--model {model}: {versions.faults() or 'neither a SavedModel nor a folder of versions of one'}"
        )
    _log_to_terminal()
    if faults := versions.faults():
        _log.warning("not taken: %s", faults)
    server = ModelServer(name, versions, limits, metrics, poll_seconds)
    number = versions.current.number
    run(server.app, listener, lambda url: f"serving {name} version {number} at {url}")


def serve_transformer(predictor: str, host: str, port: int, name: str, limits: Limits) -> None:
    """Stands in front of a predictor until SIGTERM or SIGINT.

    Raises:
      UserError: the predictor's address is none, or the port is taken.
    """
    address = predictor if "://" in predictor else f"http://{predictor}"
    if not address.startswith(("http://", "https://")) or not address.partition("://")[2].strip("/"):
        raise UserError(f"--predictor {predictor}: must be host[:port] or http://host[:port]")
    listener = bind(host, port)
    _log_to_terminal()
    from pipeline.serving.server.metrics import Metrics
    from pipeline.serving.server.transformer import Transformer

    app = Transformer(address, name, limits, Metrics()).app
    run(app, listener, lambda url: f"images at {url} go on to {address}, normalised")


def bind(host: str, port: int) -> socket.socket:
    """A socket, bound before the seconds that a model takes to load.

    Raises:
      UserError: the address is taken or is none of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"--host {host} --port {port}: {reason}") from None
    return listener


def run(app: ASGIApp, listener: socket.socket, ready: Callable[[str], str]) -> None:
    """Answers on the socket until a signal; prints what ``ready`` makes of the address once it does."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # uvicorn handles them, and raises them again when it is done
    _Announcing(configuration(app), ready).run(sockets=[listener])


def configuration(app: ASGIApp) -> uvicorn.Config:
    """How uvicorn serves: quick, quiet, bounded."""
    return uvicorn.Config(
        app,
        http="pipeline.serving.server.bounded_protocol:BoundedProtocol",
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )


class _Announcing(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[str], str]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            print(self._ready(f"http://{f'[{host}]' if ':' in host else host}:{port}"), flush=True)


def _log_to_terminal() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    _log.addHandler(handler)
    _log.setLevel(logging.INFO)
    _log.propagate = False
