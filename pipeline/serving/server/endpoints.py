"""What the model server and the transformer share: metrics, errors as JSON, the application of their endpoints."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.serving.server.admission import RequestError
from pipeline.serving.server.connections import NONSENSE_SECONDS, Lingering

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)
Route = tuple[str, Callable[[Request], Awaitable[Response]], list[str]]  # (path, endpoint, methods)

_nonsense = asyncio.Semaphore(64)  # answers that wait; with more, their connections would be missing for others

_log = logging.getLogger("siamese.server")


class Metrics:
    """The metrics of one server, for Prometheus; every label has few values, whatever clients send."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "siamese_requests", "Requests by endpoint and HTTP status", ["endpoint", "code"], registry=registry
        )
        self._seconds = Histogram(
            "siamese_request_seconds",
            "Seconds from a request's headers to the end of its answer",
            ["endpoint"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._batch = Histogram(
            "siamese_batch_instances",
            "Instances in one call of the model",
            ["signature"],
            buckets=_BATCHES,
            registry=registry,
        )
        self._version = Gauge("siamese_model_version", "The version that serves", registry=registry)
        self._refused = Counter("siamese_images_refused", "Refused images", ["reason"], registry=registry)

    def request(self, endpoint: str, code: int, seconds: float) -> None:
        """Counts a request."""
        self._requests.labels(endpoint, str(code)).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def batch(self, signature: str, instances: int) -> None:
        """Counts a call of the model."""
        self._batch.labels(signature).observe(instances)

    def image_refused(self, reason: str) -> None:
        """Counts a refused image; ``reason`` is a kind of error, without particulars."""
        self._refused.labels(reason).inc()

    def version(self, number: int) -> None:
        """Sets the version that serves."""
        self._version.set(number)

    def text(self) -> bytes:
        """The metrics in Prometheus's text format."""
        return generate_latest(self._registry)


class Counted:
    """ASGI middleware that counts requests in the metrics, by the name of their endpoint."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Calls the wrapped application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, code = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            endpoint = getattr(scope.get("endpoint"), "__name__", "none")
            self._metrics.request(endpoint, code, time.perf_counter() - started)


def application(
    counters: Metrics,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
    routes: Iterable[Route],
    metrics_paths: Iterable[str] = ("/metrics",),
) -> ASGIApp:
    """The ASGI application of a server: its endpoints, the metrics, ``/healthz``.

    Every error is ``{"error": message}``, as TensorFlow Serving's are.
    """

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def metrics(_: Request) -> Response:
        return Response(counters.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(RequestError, _refused)
    app.add_exception_handler(HTTPException, _no_such)
    app.add_exception_handler(MemoryError, _no_memory)
    app.add_exception_handler(Exception, _failed)
    app.router.redirect_slashes = False  # a path with a slash too many does not exist, as any other
    shared: list[Route] = [("/healthz", healthz, ["GET"]), *((path, metrics, ["GET"]) for path in metrics_paths)]
    for path, endpoint, methods in (*shared, *routes):
        app.router.add_route(path, endpoint, methods)
    return Lingering(Counted(app, counters))


async def _refused(_: Request, error: Exception) -> Response:
    known = error if isinstance(error, RequestError) else RequestError(500, str(error))
    if known.nonsense and not _nonsense.locked():
        async with _nonsense:
            await asyncio.sleep(NONSENSE_SECONDS)
    return _error(known.status, known.message)


async def _no_such(request: Request, error: Exception) -> Response:
    code = error.status_code if isinstance(error, HTTPException) else 404
    message = f"Malformed request: {request.method} {request.url.path[:200]}"
    return _error(code, message, getattr(error, "headers", None) or {})


async def _no_memory(request: Request, _: Exception) -> Response:
    _log.error("%s: not enough memory for the request", request.url.path[:200])
    return _error(503, "not enough memory for the request; try again")


async def _failed(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path[:200], exc_info=error)
    return _error(500, f"{type(error).__name__} in the server; see its log")


def _error(code: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """The answer to a refused request; 429 and 503 have a Retry-After."""
    again = {"Retry-After": "1"} if code in (429, 503) else {}
    text = message.encode("utf-8", "backslashreplace").decode()  # it may quote half of a surrogate pair
    return JSONResponse({"error": text}, code, headers={**(headers or {}), **again})
