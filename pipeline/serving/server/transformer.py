"""The transformer in front of TensorFlow Serving: images in any format of ingest become ones that TensorFlow decodes.

TensorFlow Serving has no Pillow. All requests are forwarded to it; images of ``compare`` and ``embed`` requests are
normalised first, exactly as in the model server and at ingest. Runs without TensorFlow.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from models.errors import UserError
from models.http_client import RequestFailed, server_client
from pipeline.serving.server.admission import Admission, Limits, RequestError, bad_request, read_body
from pipeline.serving.server.endpoints import Metrics, Route, application
from pipeline.serving.server.instances import IMAGE_INPUTS, Bounds, Prepared, prepare
from pipeline.serving.server.lanes import Lane, in_cheapest, lanes_of
from pipeline.serving.server.protocol import DEFAULT_SIGNATURE, PredictRequest, parse_json, parse_predict

_SIGNATURES = {name: tuple(inputs) for name, inputs in IMAGE_INPUTS.items()}
_SECONDS, _BYTES = 60.0, 256 << 20  # of an answer of the predictor, in all


class Transformer:
    """Forwards requests to the predictor at ``http://host:port``; ``app`` is the ASGI application.

    It is ready when the predictor has the model ``name`` available.
    """

    def __init__(self, predictor: str, name: str, limits: Limits, metrics: Metrics) -> None:
        self._name, self._limits, self._metrics = name, limits, metrics
        self._admission = Admission(limits)
        self._lanes = lanes_of(limits)
        try:
            self._predictor = server_client(
                predictor, seconds=_SECONDS, most_bytes=_BYTES, connections=limits.max_waiting
            )
        except RequestFailed as error:
            raise UserError(f"--predictor {predictor}: {error}", "config-invalid-option") from None
        routes: list[Route] = [
            ("/readyz", self.readyz, ["GET"]),
            ("/v1/{path:path}:predict", self.predict, ["POST"]),
            ("/{path:path}", self.other, ["GET", "POST"]),
        ]
        self.app = application(metrics, self._lifespan, routes)

    async def predict(self, request: Request) -> Response:
        """Forwards a predict request with its images normalised."""
        with self._admission.reservation() as reservation:
            body = await read_body(request, reservation, self._limits)
            with self._admission.place():
                normalised = await in_cheapest(self._lanes, len(body), lambda lane: self._normalised_in(lane, body))
                return await self._forward(request, normalised)

    async def other(self, request: Request) -> Response:
        """Forwards any other request unchanged."""
        with self._admission.reservation() as reservation:
            body = await read_body(request, reservation, self._limits)
            with self._admission.place():
                return await self._forward(request, body)

    async def readyz(self, _: Request) -> Response:
        """Readiness: whether the predictor has the model."""
        try:
            answer = await asyncio.wait_for(self._predictor.get(f"/v1/models/{self._name}"), _SECONDS)
            states = [one["state"] for one in answer.json()["model_version_status"]]
        except (httpx.HTTPError, asyncio.TimeoutError, ValueError, KeyError, TypeError, RecursionError):
            raise RequestError(503, "the predictor does not answer for the model") from None
        if "AVAILABLE" not in states:
            raise RequestError(503, "the predictor has no version available")
        return JSONResponse({"status": "ready"})

    async def _normalised_in(self, lane: Lane, body: bytes | bytearray) -> bytes | bytearray:
        return await asyncio.get_running_loop().run_in_executor(lane.preparing, self._normalised, body, lane.bounds)

    def _normalised(self, body: bytes | bytearray, bounds: Bounds) -> bytes | bytearray:
        signature = parse_json(body, self._limits).get("signature_name", DEFAULT_SIGNATURE)
        if not isinstance(signature, str) or signature not in _SIGNATURES:
            return body  # the predictor answers
        asked = parse_predict(body, _SIGNATURES, self._limits)
        return _encoded(asked, prepare(asked, self._limits, self._metrics.image_refused, bounds))

    async def _forward(self, request: Request, body: bytes | bytearray) -> Response:
        query = b"?" + request.scope["query_string"] if request.scope["query_string"] else b""
        headers = {"Content-Type": "application/json"} if body else {}
        try:  # the path as it came: decoded, it may hold what no URL may
            url = self._predictor.base_url.copy_with(raw_path=request.scope["raw_path"] + query)
        except (httpx.InvalidURL, ValueError):
            raise bad_request("Malformed request: its path is not that of a URL") from None
        try:
            answering = self._predictor.request(request.method, url, content=bytes(body), headers=headers)
            answer = await asyncio.wait_for(answering, _SECONDS)
        except (httpx.HTTPError, asyncio.TimeoutError) as error:
            raise RequestError(503, f"the predictor does not answer: {type(error).__name__}") from None
        kept = {key: value for key, value in answer.headers.items() if key in ("x-model-version", "retry-after")}
        return Response(answer.content, answer.status_code, kept, answer.headers.get("content-type"))

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        yield
        await self._predictor.aclose()
        for lane in self._lanes:
            lane.close()


def _encoded(asked: PredictRequest, prepared: Prepared) -> bytes:
    """The request with other values, in the same format."""
    rows = [[{"b64": base64.b64encode(value).decode()} for value in row] for row in prepared.rows]
    if asked.columnar:
        columns = {name: list(column) for name, column in zip(asked.inputs, zip(*rows, strict=True), strict=True)}
        document: dict[str, Any] = {"signature_name": asked.signature, "inputs": columns}
    else:
        instances = [dict(zip(asked.inputs, row, strict=True)) for row in rows]
        document = {"signature_name": asked.signature, "instances": instances}
    return json.dumps(document, separators=(",", ":")).encode()
