"""The model server's endpoints: TensorFlow Serving's REST API, health, metrics and a page.

FastAPI rather than kserve's ModelServer, which on both stacks has no ``/metadata`` and ``/versions/N``, answers a
malformed body with a 500, and pins other versions of FastAPI and uvicorn than TFX's libraries.
"""

import asyncio
import gc
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from importlib import resources
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from pipeline.serving.server.admission import Admission, Limits, RequestError, bad_request, read_body
from pipeline.serving.server.batching import Batcher, checked
from pipeline.serving.server.endpoints import Metrics, Route, application
from pipeline.serving.server.lanes import Lane, in_cheapest, lanes_of
from pipeline.serving.server.memory import trim
from pipeline.serving.server.protocol import metadata_json, prediction_json, status_json
from pipeline.serving.server.served_version import ServedVersion
from pipeline.serving.server.versions import Versions

VERSION_HEADER = "X-Model-Version"
_MANY = 64  # rows whose JSON is long enough to keep the event loop from others
_TRIM_SECONDS = 15.0  # between two returns of free memory to the system
_WHICH = ("", "/versions/{version}", "/labels/{label}")


class ModelServer:
    """The server of the model ``name``; ``app`` is the ASGI application.

    One of ``versions`` is loaded already; ``poll_seconds`` lie between checks for new ones.
    """

    def __init__(self, name: str, versions: Versions, limits: Limits, metrics: Metrics, poll_seconds: float) -> None:
        self._name, self._versions, self._limits, self._metrics = name, versions, limits, metrics
        self._poll_seconds = poll_seconds
        self._admission = Admission(limits)
        self._lanes = lanes_of(limits)
        self._watching = ThreadPoolExecutor(1, "versions")
        self._stopping = False
        self._page = resources.files(__package__).joinpath("page.html").read_text("utf-8").replace("@MODEL@", name)
        routes: list[Route] = [("/readyz", self.readyz, ["GET"]), ("/", self.page, ["GET"])]
        for which in _WHICH:
            path = "/v1/models/{name}" + which
            routes += [
                (f"{path}:predict", self.predict, ["POST"]),
                (f"{path}:classify", self.no_method, ["POST"]),
                (f"{path}:regress", self.no_method, ["POST"]),
                (f"{path}/metadata", self.metadata, ["GET"]),
                (f"{path}/manifest", self.manifest, ["GET"]),
                (path, self.status, ["GET"]),
            ]
        self.app = application(metrics, self._lifespan, routes, ("/metrics", "/monitoring/prometheus/metrics"))

    async def predict(self, request: Request) -> Response:
        """The model's outputs for the instances of the body."""
        version = self._version(request)
        with self._admission.reservation() as reservation:
            body = await read_body(request, reservation, self._limits)
            with self._admission.place():
                answer = await in_cheapest(self._lanes, len(body), lambda lane: self._answer(lane, version, body))
        headers = {VERSION_HEADER: str(version.number)}
        return Response(answer, media_type="application/json", headers=headers)

    async def _answer(self, lane: Lane, version: ServedVersion, body: bytes | bytearray) -> bytes:
        loop = asyncio.get_running_loop()
        if lane is self._lanes[0] and self._admission.alone:
            # In one thread: each change of threads costs a fraction of a millisecond.
            return await loop.run_in_executor(lane.answering, self._answer_alone, lane, version, body)
        asked, prepared = await loop.run_in_executor(lane.preparing, version.prepare, body, lane)
        rows = await self._batcher(version, asked.signature, lane).submit(prepared)
        if len(rows) > _MANY:
            return await loop.run_in_executor(lane.preparing, prediction_json, rows, asked.columnar)
        return prediction_json(rows, asked.columnar)

    def _answer_alone(self, lane: Lane, version: ServedVersion, body: bytes | bytearray) -> bytes:
        asked, prepared = version.prepare(body, lane)
        self._metrics.batch(asked.signature, len(prepared.rows))
        return prediction_json(checked(version.answer(asked.signature, prepared.rows)), asked.columnar)

    async def no_method(self, request: Request) -> Response:
        """Classify and regress, which no signature of this model supports."""
        self._version(request)
        method = request.url.path.rpartition(":")[2]
        kind = {"classify": "classification", "regress": "regression"}[method]
        raise bad_request(
            f"Expected {kind} signature method_name to be tensorflow/serving/{method}. "
            "Was: tensorflow/serving/predict; use :predict"
        )

    async def status(self, request: Request) -> Response:
        """The versions and their states."""
        self._check_name(request)
        return JSONResponse(status_json(self._versions.states(**_which(request))))

    async def metadata(self, request: Request) -> Response:
        """The signatures of a version."""
        version = self._version(request)
        return JSONResponse(metadata_json(self._name, version.number, version.signature_def))

    async def manifest(self, request: Request) -> Response:
        """The manifest of a version, with its threshold; not an endpoint of TensorFlow Serving."""
        version = self._version(request)
        return JSONResponse({"version": version.number, **version.manifest.model_dump(mode="json")})

    async def readyz(self, _: Request) -> Response:
        """Readiness: a model serves and the server is not stopping."""
        if self._stopping:
            raise RequestError(503, "the server is stopping")
        return JSONResponse({"status": "ready", "version": self._versions.current.number})

    async def page(self, _: Request) -> Response:
        """The page that compares two images."""
        policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src blob: data:; "
        headers = {"Content-Security-Policy": f"{policy}connect-src 'self'; base-uri 'none'; form-action 'none'"}
        return HTMLResponse(self._page, headers=headers)

    def _version(self, request: Request) -> ServedVersion:
        self._check_name(request)
        version = self._versions.find(**_which(request))
        if not isinstance(version, ServedVersion):
            raise TypeError(f"expected a ServedVersion, got {type(version).__name__}")
        return version

    def _check_name(self, request: Request) -> None:
        if (name := request.path_params["name"]) != self._name:
            raise RequestError(404, f"Servable not found for request: Latest({name[:40]}); there is {self._name}")

    def _batcher(self, version: ServedVersion, signature: str, lane: Lane) -> Batcher:
        if (signature, lane.name) not in version.batchers:
            version.batchers[signature, lane.name] = Batcher(
                partial(version.answer, signature),
                lane.answering,
                lane.calls,
                self._limits.max_batch,
                self._limits.large_pixels,
                partial(self._metrics.batch, signature),
            )
        return version.batchers[signature, lane.name]

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        self._metrics.version(self._versions.current.number)
        watcher = asyncio.create_task(self._watch())
        yield
        self._stopping = True
        watcher.cancel()
        self._watching.shutdown(wait=False, cancel_futures=True)
        for lane in self._lanes:
            lane.close()

    async def _watch(self) -> None:
        """Polls the folder in a thread of its own: a version may take seconds to load."""
        loop = asyncio.get_running_loop()
        trimmed, trimmed_at = 0, loop.time()
        while True:
            await asyncio.sleep(self._poll_seconds)
            before = self._versions.current.number
            await loop.run_in_executor(self._watching, self._versions.refresh)
            number = self._versions.current.number
            self._metrics.version(number)
            if number != before:
                await loop.run_in_executor(self._watching, gc.collect)  # a model has reference cycles
            answered = self._admission.admitted
            if self._admission.idle and answered > trimmed and loop.time() > trimmed_at + _TRIM_SECONDS:
                trimmed, trimmed_at = answered, loop.time()
                await loop.run_in_executor(self._watching, trim)


def _which(request: Request) -> dict[str, Any]:
    return {key: request.path_params[key] for key in ("version", "label") if key in request.path_params}
