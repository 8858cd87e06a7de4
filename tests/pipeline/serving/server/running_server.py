"""A model server as it runs, in a thread of this process; clients come over a real socket."""

import contextlib
import threading
import time
from dataclasses import dataclass, field

import httpx
import uvicorn

from pipeline.serving.server.admission import Limits
from pipeline.serving.server.app import ModelServer
from pipeline.serving.server.endpoints import Metrics
from pipeline.serving.server.process import bind, configuration
from pipeline.serving.server.served_version import ServedVersion
from pipeline.serving.server.versions import Versions


@contextlib.contextmanager
def running(app):
    """The address of an ASGI application that is served while the block lasts."""
    listener = bind("127.0.0.1", 0)
    server = uvicorn.Server(configuration(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        yield "http://{}:{}".format(*listener.getsockname())
    finally:
        server.should_exit = True
        thread.join()


@dataclass
class Running:
    """A server of a folder."""

    url: str
    folder: object
    versions: Versions
    client: httpx.Client = field(init=False)

    def __post_init__(self):
        self.client = httpx.Client(base_url=self.url, timeout=30)

    def predict(self, body, path="/v1/models/siamese:predict", **named):
        return self.client.post(path, json=body, **named)

    def serving(self) -> str:
        return self.client.get("/readyz").json()["version"]


@contextlib.contextmanager
def serving(folder, labels=None, limits=None, poll=0.05):
    limits, metrics = limits or Limits(), Metrics()
    versions = Versions(folder, labels or {}, lambda number, path: ServedVersion(number, path, limits, metrics))
    versions.refresh()
    with running(ModelServer("siamese", versions, limits, metrics, poll).app) as url:
        found = Running(url, folder, versions)
        with found.client:
            yield found
