"""The step in front of a predictor, with the model server as the predictor."""

import asyncio
import base64
import re
import socket

import httpx
import pytest
from running_server import running

from models.data.image_formats import normalise
from models.errors import UserError
from pipeline.serving.server import transformer as transformer_module
from pipeline.serving.server.admission import Limits
from pipeline.serving.server.endpoints import Metrics
from pipeline.serving.server.transformer import Transformer


def b64(data: bytes) -> dict:
    return {"b64": base64.b64encode(data).decode()}


@pytest.fixture(scope="module")
def transformer(server):
    with (
        running(Transformer(server.url, "siamese", Limits(max_body=100_000), Metrics()).app) as url,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def tiff(images):
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.open(io.BytesIO(images[0])).save(file, "TIFF")
    return file.getvalue()


@pytest.mark.parametrize("path", ["/v1/models/siamese:predict", "/v1/models/siamese/versions/7:predict"])
def test_rows_and_columns_keep_their_format(transformer, tiff, images, path):
    rows = {"signature_name": "compare", "instances": [{"image_a": b64(tiff), "image_b": b64(images[1])}]}
    columns = {"signature_name": "compare", "inputs": {"image_a": [b64(tiff)], "image_b": [b64(images[1])]}}
    by_row, by_column = (transformer.post(path, json=body) for body in (rows, columns))
    assert by_row.headers["x-model-version"] == "7"
    found = by_row.json()["predictions"][0]
    assert by_column.json()["outputs"] == {key: [value] for key, value in found.items()}


def test_the_predictor_gets_what_tensorflow_can_decode(transformer, tiff, monkeypatch):
    sent = []
    predictor = httpx.AsyncClient.request

    async def noted(self, method, path, content, headers):
        sent.append(content)
        return await predictor(self, method, path, content=content, headers=headers)

    monkeypatch.setattr(httpx.AsyncClient, "request", noted)
    assert transformer.post(
        "/v1/models/siamese:predict", json={"signature_name": "embed", "instances": [b64(tiff)]}
    ).is_success
    assert base64.b64encode(normalise(tiff).data) in sent[0]


def test_other_signatures_and_requests_pass_as_they_are(transformer, server):
    for path in ("/v1/models/siamese", "/v1/models/siamese/metadata", "/v1/models/siamese/labels/stable/metadata"):
        assert transformer.get(path).json() == server.client.get(path).json()
    answer = transformer.post("/v1/models/siamese:predict", json={"instances": [b64(b"")]})
    assert (answer.status_code, answer.json()["error"][:10]) == (400, "instance 0")
    assert transformer.post("/v1/models/siamese:classify", json={}).status_code == 400
    assert transformer.get("/v1/models/other").status_code == 404


def test_bad_requests_end_here(transformer):
    for body, code in ((b"{", 400), (b" " * 100_001, 413), (b'{"signature_name": "embed", "instances": ["x"]}', 400)):
        answer = transformer.post("/v1/models/siamese:predict", content=body)
        assert (answer.status_code, answer.json().keys()) == (code, {"error"})


@pytest.mark.parametrize(
    "path",
    [
        b"/%00",
        b"/v1/models/%0d%0aX:%20y",
        b"//elsewhere/v1",
        b"/%ed%a0%80?%ff=%00",
        b"/a" * 30_000,
        b"/?" + b"x" * 60_000,
    ],
)
def test_odd_paths_get_a_4xx(transformer, path):
    url = transformer.base_url
    with socket.create_connection((url.host, url.port), timeout=20) as client:
        client.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(1 << 16), b""))
    assert re.match(rb"HTTP/1\.1 (4\d\d|200) ", answer), answer[:300]


def test_health_and_metrics(transformer):
    assert transformer.get("/readyz").json() == {"status": "ready"}
    assert transformer.get("/healthz").is_success
    assert 'siamese_requests_total{code="200",endpoint="healthz"}' in transformer.get("/metrics").text


def test_a_predictor_that_is_not_there(images):
    with running(Transformer("http://127.0.0.1:9", "siamese", Limits(), Metrics()).app) as url:
        assert httpx.get(f"{url}/readyz").status_code == 503
        answer = httpx.post(
            f"{url}/v1/models/siamese:predict", json={"signature_name": "embed", "instances": [b64(images[0])]}
        )
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["error"].startswith("the predictor does not answer")


def test_answers_of_the_predictor_are_bounded_in_time_and_bytes(server, monkeypatch):
    monkeypatch.setattr(transformer_module, "_BYTES", 10)
    with running(Transformer(server.url, "siamese", Limits(), Metrics()).app) as url:
        answers = [httpx.get(f"{url}{path}", timeout=30) for path in ("/readyz", "/v1/models/siamese")]
    assert [answer.status_code for answer in answers] == [503, 503]

    async def never(*_, **__):
        await asyncio.sleep(3600)

    monkeypatch.setattr(transformer_module, "_SECONDS", 0.1)
    monkeypatch.setattr(httpx.AsyncClient, "request", never)
    with running(Transformer(server.url, "siamese", Limits(), Metrics()).app) as url:
        answers = [httpx.get(f"{url}{path}", timeout=30) for path in ("/readyz", "/v1/models/siamese")]
    assert [answer.status_code for answer in answers] == [503, 503]


def test_certificates_that_are_gone_are_the_users_error(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    with pytest.raises(UserError, match="--predictor https://predictor: SSL_CERT_FILE"):
        Transformer("https://predictor", "siamese", Limits(), Metrics())
