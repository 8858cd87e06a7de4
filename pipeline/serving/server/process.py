"""The server as a process: its socket, its connections, the line that it prints when ready, its end."""

import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from models.errors import UserError
from models.library_environment import import_tensorflow
from models.user_files import shown
from pipeline.serving.server.admission import Limits
from pipeline.serving.server.connections import BoundedProtocol
from pipeline.serving.server.memory import bound_arenas
from pipeline.serving.server.versions import PATH_NAME, Versions

_DRAIN_SECONDS = 25  # less than the 30 s after which Kubernetes kills
_SWITCH_SECONDS = 0.001  # for which a thread that computes may hold up others; 0.005 unless set
_NO_MODEL = "neither a SavedModel nor a serving folder with versions of one"

_log = logging.getLogger("siamese.server")


def serve_model(
    model: Path, host: str, port: int, name: str, labels: Mapping[str, int], limits: Limits, poll_seconds: float
) -> None:
    """Serves until SIGTERM or SIGINT; requests in progress are completed first.

    Raises:
      UserError: there is no model that loads, or the port is in use.
    """
    if not model.is_dir():
        raise UserError(f"--model {model}: {_NO_MODEL}", code="model-not-found")
    if not PATH_NAME.fullmatch(name):
        raise UserError(
            f"--name {shown(name)}: must be letters, digits, '.', '-' and '_'", code="config-invalid-option"
        )
    listener = bind(host, port)
    bound_arenas()
    _log.addHandler(logging.NullHandler())  # errors of the first versions are printed below
    _log.propagate = False
    from pipeline.serving.server.app import ModelServer
    from pipeline.serving.server.endpoints import Metrics
    from pipeline.serving.server.served_version import ServedVersion

    # Concurrent calls on one core each rather than one call on all cores: also the fastest for one image. A second
    # thread of operations, as one of the large lane decodes for long; each further one costs every call a little.
    threading = import_tensorflow().config.threading
    threading.set_intra_op_parallelism_threads(1)
    threading.set_inter_op_parallelism_threads(2)
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.freeze()  # the libraries stay: collecting an old version then takes no time
    metrics = Metrics()
    versions = Versions(model, labels, lambda number, path: ServedVersion(number, path, limits, metrics))
    versions.refresh()
    if versions.empty:
        raise UserError(f"--model {model}: {versions.errors() or _NO_MODEL}", code=versions.code())
    _log_to_terminal()
    if errors := versions.errors():
        _log.warning("not loaded: %s", errors)
    server = ModelServer(name, versions, limits, metrics, poll_seconds)
    number = versions.current.number
    run(server.app, listener, lambda url: f"serving {name} version {number} at {url}")


def serve_transformer(predictor: str, host: str, port: int, name: str, limits: Limits) -> None:
    """Forwards requests to a predictor until SIGTERM or SIGINT.

    Raises:
      UserError: the predictor's address is malformed, or the port is in use.
    """
    address = predictor if "://" in predictor else f"http://{predictor}"
    if not address.startswith(("http://", "https://")) or not address.partition("://")[2].strip("/"):
        raise UserError(
            f"--predictor {predictor}: must be host[:port] or http://host[:port]", code="config-invalid-option"
        )
    listener = bind(host, port)
    bound_arenas()
    _log_to_terminal()
    from pipeline.serving.server.endpoints import Metrics
    from pipeline.serving.server.transformer import Transformer

    run(Transformer(address, name, limits, Metrics()).app, listener, lambda url: f"transforming at {url} for {address}")


def bind(host: str, port: int) -> socket.socket:
    """A bound socket; call it first, since a model takes seconds to load.

    Raises:
      UserError: the address is in use or not one of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, OverflowError, UnicodeError) as error:  # a name that cannot be one of DNS
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"--host {shown(host)} --port {port}: {reason}", code="serve-port-unavailable") from None
    return listener


def run(app: ASGIApp, listener: socket.socket, ready: Callable[[str], str]) -> None:
    """Serves on the socket until a signal; prints ``ready(url)`` once it does."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # uvicorn handles them, and raises them again when it is done
    _Announcing(configuration(app), ready).run(sockets=[listener])


def configuration(app: ASGIApp) -> uvicorn.Config:
    """Settings of uvicorn: fast parser and loop, no access log, bounded connections."""
    return uvicorn.Config(
        app,
        http=BoundedProtocol,
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="error",  # a line for each malformed request would fill the log
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
