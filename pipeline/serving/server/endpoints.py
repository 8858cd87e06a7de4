"""Endpoints that the model server and the transformer share: errors as JSON, metrics, the count of requests."""

import logging
import time

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.serving.server.metrics import Metrics
from pipeline.serving.server.protocol import RequestError

_log = logging.getLogger("siamese.server")


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


def add_error_answers(app: FastAPI) -> None:
    """Makes every error ``{"error": message}``, as TensorFlow Serving does."""

    async def refused(_: Request, error: Exception) -> Response:
        known = error if isinstance(error, RequestError) else RequestError(500, str(error))
        return error_answer(known.status, known.message)

    async def no_such(request: Request, error: Exception) -> Response:
        code = error.status_code if isinstance(error, HTTPException) else 404
        message = f"Malformed request: {request.method} {request.url.path[:200]}"
        return error_answer(code, message, getattr(error, "headers", None) or {})

    async def failed(request: Request, error: Exception) -> Response:
        _log.error("%s %s failed", request.method, request.url.path[:200], exc_info=error)
        return error_answer(500, f"{type(error).__name__} in the server; see its log")

    app.add_exception_handler(RequestError, refused)
    app.add_exception_handler(HTTPException, no_such)
    app.add_exception_handler(Exception, failed)


def error_answer(code: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """The answer to a refused request; 429 and 503 have a Retry-After."""
    again = {"Retry-After": "1"} if code in (429, 503) else {}
    closing = {"Connection": "close"} if code in (408, 413) else {}
    return JSONResponse({"error": message}, code, headers={**(headers or {}), **again, **closing})


def metrics_answer(metrics: Metrics) -> Response:
    """The metrics in Prometheus's text format."""
    return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
