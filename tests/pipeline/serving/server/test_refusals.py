# ruff: noqa: E501 - a malformed body and its error on one line
"""Every malformed request is a 4xx with a reason; other requests are not affected."""

import asyncio
import base64
import json
import re
import socket
import struct
import threading
import time
import zlib
from contextlib import contextmanager

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running_server import serving
from tiny_model import GREY, pair_example, patterns, png

from components.serving_folder.storage import link_or_copy
from pipeline.serving.server import connections, endpoints
from pipeline.serving.server.admission import Limits

PREDICT = "/v1/models/siamese:predict"
GOOD = png(patterns(1, GREY, seed=1)[0])
PIXELS = patterns(2, GREY, seed=3)
EXAMPLE = pair_example(*PIXELS)


def b64(data: bytes) -> dict:
    return {"b64": base64.b64encode(data).decode()}


def chunk(body: bytes) -> bytes:
    """A PNG's."""
    return (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")


def bomb() -> bytes:
    """A PNG of a few bytes that announces 20,000 x 20,000."""
    header = chunk(b"IHDR" + (20_000).to_bytes(4, "big") * 2 + b"\x08\0\0\0\0")
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT" + zlib.compress(b"\0")) + chunk(b"IEND")


# Behind the header stands a part that every reader must know: Pillow passes over it, TensorFlow does not.
ODD = GOOD[:33] + chunk(b"ODDS") + GOOD[33:]


def embed(*values) -> dict:
    return {"signature_name": "embed", "instances": list(values)}


def compare(a, b) -> dict:
    return {
        "signature_name": "compare",
        "instances": [{"image_a": b64(GOOD), "image_b": b64(GOOD)}, {"image_a": a, "image_b": b}],
    }


BAD = {
    "empty": (b"", "the body is empty"),
    "no JSON": (b"{", "JSON Parse error: "),
    "not UTF-8": (b'{"instances": ["\xff"]}', "not in UTF-8"),
    "a list": (b"[]", "must be a JSON object, not a list"),
    "a number": (b"3", "must be a JSON object, not a number"),
    "nested": (b'{"instances": ' + b"[" * 5000 + b"]" * 5000 + b"}", "deep|instance 0"),
    "no instances": ({}, "Missing 'inputs' or 'instances' key"),
    "both": ({"instances": ["x"], "inputs": ["x"]}, "only one of"),
    "none": ({"instances": []}, "holds no values"),
    "no list": ({"instances": {"a": 1}}, "'instances' must be a list, not an object"),
    "signature": ({"signature_name": "nope", "instances": ["x"]}, '"nope" not found in signature def; there are compare, embed'),
    "signature type": ({"signature_name": 3, "instances": ["x"]}, "must be a string, not a number"),
    "init op": ({"signature_name": "__saved_model_init_op", "instances": ["x"]}, "not found in signature def"),
    "number": (embed(b64(GOOD), 3), "instance 1 must be a string or"),
    "null": (embed(None), "instance 0 must be a string or .*, not null"),
    "bool": (embed(True), "not true"),
    "deeper": (embed([[b64(GOOD)]]), "instance 0 must be a string or .*, not a list"),
    "b64 characters": (embed(b64(GOOD), {"b64": "$$$$"}), "instance 1: not formatted correctly for base64"),
    "b64 length": (embed({"b64": "abcde"}), "base64"),
    "b64 not ASCII": (embed({"b64": "é" * 4}), "base64"),
    "b64 for URLs": (embed({"b64": "_-__"}), "instance 0: not formatted correctly for base64"),
    "b64 as data URL": (embed({"b64": "data:image/png;base64,QUFB"}), "instance 0: not formatted correctly for base64"),
    "b64 padded within": (embed({"b64": "QQ==QUFB"}), "instance 0: not formatted correctly for base64"),
    "b64 twice": (embed(b64(base64.b64encode(GOOD))), "instance 0: not an image"),
    "b64 within b64": (embed({"b64": b64(GOOD)}), "its keys must be image; found b64"),
    "b64 number": (embed({"b64": 4}), "instance 0"),
    "b64 and more": (embed({"b64": "QQ==", "x": 1}), "its keys must be image; found b64, x"),
    "surrogate signature": (b'{"signature_name": "\\ud800", "instances": ["x"]}', "not found in signature def"),
    "surrogate key": (b'{"signature_name": "embed", "instances": [{"\\udfff": "x"}]}', "its keys must be image"),
    "surrogate b64": (b'{"signature_name": "embed", "instances": [{"b64": "\\ud800"}]}', "base64"),
    "UTF-16": ('{"signature_name": "embed", "instances": ["x"]}'.encode("utf-16"), "instance 0: not an image|UTF-8"),
    "NUL": (b"\0" * 50, "JSON Parse error"),
    "NaN": (b'{"signature_name": "embed", "instances": [NaN, Infinity]}', "instance 0 must be a string"),
    "huge number": (b'{"signature_name": "embed", "instances": [' + b"9" * 10_000 + b"]}", "JSON Parse error|instance 0"),
    "huge exponent": (b'{"signature_name": 1e999999, "instances": ["x"]}', "must be a string, not a number"),
    "nested objects": (b'{"a":' * 12_000 + b"1" + b"}" * 12_000, "nested too deeply"),
    "inputs number": ({"signature_name": "embed", "inputs": 7}, "must be a list, not a number"),
    "inputs null": ({"signature_name": "compare", "inputs": None}, "must be an object with the keys"),
    "instances string": ({"signature_name": "embed", "instances": "x"}, "must be a list, not a string"),
    "surrogate": (b'{"signature_name": "embed", "instances": ["\\ud800"]}', "surrogate"),
    "missing key": ({"signature_name": "compare", "instances": [{"image_a": b64(GOOD)}]}, "instance 0: its keys must be image_a, image_b; found image_a"),
    "extra key": ({"signature_name": "compare", "instances": [{"image_a": "x", "image_b": "x", "c": 1}]}, "found c, image_a, image_b"),
    "plain list": ({"signature_name": "compare", "instances": [b64(GOOD)]}, "instance 0 must be an object with the keys image_a, image_b"),
    "mixed": ({"signature_name": "embed", "instances": [{"image": b64(GOOD)}, "x"]}, "instance 1 must be an object"),
    "mixed lengths": ({"signature_name": "compare", "inputs": {"image_a": [b64(GOOD)], "image_b": [b64(GOOD)] * 2}}, "same number of values: image_a 1, image_b 2"),
    "missing column": ({"signature_name": "compare", "inputs": {"image_a": [b64(GOOD)]}}, "Missing named input: image_b"),
    "scalar column": ({"signature_name": "embed", "inputs": b64(GOOD)}, "must be a list, not an object"),
    "no image": (compare(b64(b"hello"), b64(GOOD)), "instance 1, image_a: not an image of an allowed format"),
    "text image": (embed("hello"), "instance 0: not an image"),
    "empty image": (embed(b64(b"")), "instance 0: empty file"),
    "cut image": (compare(b64(GOOD), b64(GOOD[:-20])), "instance 1, image_b: "),
    "image for Pillow alone": (embed(b64(GOOD), b64(ODD)), "^instance 1: damaged: TensorFlow cannot decode it$"),
    "second image for Pillow alone": (compare(b64(GOOD), b64(ODD)), "^instance 1: image_b: damaged: TensorFlow cannot decode it$"),
    "both for Pillow alone": (compare(b64(ODD), b64(ODD)), "^instance 1: image_a and image_b: damaged: "),
    "bomb": (embed(b64(GOOD), b64(bomb())), "instance 1: too many pixels: 20000x20000"),
    "column image": ({"signature_name": "compare", "inputs": {"image_a": [b64(GOOD)], "image_b": ["x"]}}, "value 0 of input 'image_b': not an image"),
    "no Example": ({"instances": [b64(EXAMPLE), b64(b"\xff\xff")]}, "instance 1: not a serialized tf.Example"),
    "empty Example": ({"instances": [b64(b"")]}, "instance 0: the Example lacks the feature a_pixels"),
    "short pixels": ({"instances": [b64(EXAMPLE.replace(PIXELS[0].tobytes(), bytes(120 - 8) + b"\0" * 8)), b64(pair_example(PIXELS[0][:5], PIXELS[1]).replace(b"a_height", b"a_weight"))]}, "instance 1: the Example lacks the feature a_height"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_bodies(server, name):
    body, message = BAD[name]
    answer = server.client.post(PREDICT, content=body if isinstance(body, bytes) else json.dumps(body))
    assert answer.status_code == 400, answer.text
    assert answer.json().keys() == {"error"}
    assert re.search(message, answer.json()["error"]), answer.json()["error"]


@pytest.mark.parametrize(
    ("size", "why"),
    [
        ((5, 10, 1), "but has 120 bytes"),
        ((10**9, 10**9, 1), "cannot be"),
        ((12, 10, 2), "of 2 channels"),
        ((-12, -10, 1), "cannot be"),
    ],
)
def test_pixels_of_another_size_than_announced(server, size, why):
    import tensorflow as tf

    example = tf.train.Example.FromString(EXAMPLE)
    for key, value in zip(("height", "width", "channels"), size, strict=True):
        example.features.feature[f"a_{key}"].int64_list.value[:] = [value]
    answer = server.predict({"instances": [b64(example.SerializeToString())]})
    assert answer.status_code == 400
    assert why in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "code", "why"),
    [
        ("GET", "/v1/models/other", 404, "Servable not found for request: Latest(other)"),
        ("POST", "/v1/models/other:predict", 404, "there is siamese"),
        ("POST", "/v1/models/siamese/versions/8:predict", 404, "Specific(8)"),
        ("POST", "/v1/models/siamese/versions/x:predict", 400, "Failed to convert version"),
        ("POST", f"/v1/models/siamese/versions/{'9' * 30}:predict", 400, "Failed to convert version"),
        ("POST", "/v1/models/siamese/labels/canary:predict", 404, "label: canary"),
        ("GET", "/v1/models/siamese/versions/8", 404, "Could not find version 8"),
        ("GET", "/v1/models/siamese/versions/8/metadata", 404, "Specific(8)"),
        ("POST", "/v1/models/siamese:classify", 400, "tensorflow/serving/classify"),
        ("POST", "/v1/models/siamese:regress", 400, "tensorflow/serving/regress"),
        ("POST", "/v1/models/siamese:explain", 405, "Malformed request"),
        ("GET", "/v1/models/siamese:predict", 404, "Servable not found"),
        ("GET", "/../../etc/passwd", 404, "Malformed request"),
        ("DELETE", "/", 405, "Malformed request"),
    ],
)
def test_bad_paths(server, method, path, code, why):
    answer = server.client.request(method, path, content=b"{}" if method == "POST" else None)
    assert (answer.status_code, answer.json().keys()) == (code, {"error"})
    assert why in answer.json()["error"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([b64(GOOD), b64(EXAMPLE)]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["image", "image_a", "image_b", "examples", "b64", "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "signature_name": st.sampled_from(["serving_default", "compare", "embed", "", "x"]) | JSON,
        "instances": JSON,
        "inputs": JSON,
    },
)


@settings(max_examples=80)
@given(BODIES)
def test_any_json_is_answered_or_refused(server, body):
    answer = server.client.post(PREDICT, content=json.dumps(body))
    assert answer.status_code in (200, 400, 413), answer.text
    assert answer.json().keys() <= {"predictions", "outputs", "error"}


@settings(max_examples=60)
@given(st.binary(max_size=200) | st.tuples(st.integers(0, len(GOOD) - 1), st.binary(max_size=4)))
def test_any_bytes_for_an_image_are_answered_or_refused(server, change):
    data = change if isinstance(change, bytes) else GOOD[: change[0]] + change[1] + GOOD[change[0] + len(change[1]) :]
    answer = server.predict(embed(b64(data)))
    assert answer.status_code in (200, 400), answer.text


@pytest.mark.filterwarnings("ignore:Unexpected end-group tag:RuntimeWarning")  # protobuf's own
@settings(max_examples=40)
@given(st.integers(0, len(EXAMPLE) - 1), st.binary(min_size=1, max_size=4))
def test_any_bytes_for_an_example_are_answered_or_refused(server, start, change):
    data = EXAMPLE[:start] + change + EXAMPLE[start + len(change) :]
    answer = server.predict({"instances": [b64(data)]})
    assert answer.status_code in (200, 400), answer.text


def test_a_bad_request_does_not_fail_those_beside_it(server):
    answers = {}

    def ask(number):
        body = embed(b64(GOOD if number % 3 else GOOD[:40]))
        answers[number] = httpx.post(server.url + PREDICT, json=body, timeout=30).status_code

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: 200 if number % 3 else 400 for number in range(30)}


@pytest.fixture(scope="module")
def small(exported, tmp_path_factory):
    """A server with small limits."""
    folder = tmp_path_factory.mktemp("small")
    link_or_copy(exported.path, folder / "1")
    limits = Limits(max_body=100_000, max_pixels=1000, max_instances=6, max_waiting=2, upload_seconds=0.6)
    with serving(folder, limits=limits) as found:
        yield found


class TestLimits:
    def test_a_long_body(self, small):
        answer = small.client.post(PREDICT, content=b" " * 100_001)
        assert (answer.status_code, answer.json()["error"]) == (413, "the body is too long: 100001 > 100000 bytes")

    def test_a_long_body_of_unknown_length(self, small):
        answer = small.client.post(PREDICT, content=(b" " * 50_000 for _ in range(3)))
        assert (answer.status_code, answer.json()["error"]) == (413, "the body is too long: more than 100000 bytes")

    def test_many_instances(self, small):
        assert small.predict(embed(*[b64(GOOD)] * 6)).status_code == 200
        answer = small.predict(embed(*[b64(GOOD)] * 7))
        assert (answer.status_code, answer.json()["error"]) == (413, "'instances' holds too many values: 7 > 6")

    def test_many_json_values(self, small):
        answer = small.client.post(PREDICT, content=b'{"instances":[' + b"[]," * 200 + b"[]]}")
        assert answer.status_code == 413
        assert "too many JSON values" in answer.json()["error"]

    def test_many_pixels(self, small):
        large = png(patterns(1, GREY.model_copy(update={"height": 40, "width": 25}))[0])
        assert small.predict(embed(b64(large))).status_code == 200
        answer = small.predict(embed(*[b64(large)] * 5))
        assert answer.status_code == 413
        assert "instance 4: the images of one request have more than 4000 pixels" in answer.json()["error"]
        larger = png(patterns(1, GREY.model_copy(update={"height": 41, "width": 25}))[0])
        assert small.predict(embed(b64(larger))).json()["error"] == "instance 0: too many pixels: 25x41 > 1000"

    def test_compressed_bodies(self, small):
        answer = small.client.post(PREDICT, content=zlib.compress(b"{}"), headers={"Content-Encoding": "gzip"})
        assert answer.status_code == 415

    def test_slow_uploads_hold_no_place(self, small):
        with slow_upload(small.url), slow_upload(small.url), slow_upload(small.url) as last:
            time.sleep(0.2)
            assert small.predict(embed(b64(GOOD))).status_code == 200
            assert last.recv(4096).startswith(b"HTTP/1.1 408")
        assert small.predict(embed(b64(GOOD))).status_code == 200

    def test_endless_headers(self, small):
        with connection(small.url) as client:
            client.sendall(b"GET / HTTP/1.1\r\n")
            with pytest.raises(OSError, match=r"reset|pipe"):
                client.sendall((b"X: " + b"x" * 8000 + b"\r\n") * 10_000)

    def test_long_headers_in_one_write(self, small):
        with connection(small.url) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100_000 + b"\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 431")

    @pytest.mark.parametrize("before", ["answered", "pipelined"])
    def test_long_headers_of_a_later_request(self, small, before):
        first = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        long = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"
        with connection(small.url) as client:
            if before == "answered":
                client.sendall(first)
                assert client.recv(4096).startswith(b"HTTP/1.1 200")
                client.sendall(long)
                assert client.recv(4096).startswith(b"HTTP/1.1 431")
            else:
                client.sendall(first + long)
                while answer := client.recv(4096):  # until it is closed
                    assert answer.count(b"HTTP/1.1 200") <= 1
                    assert b"x" * 100 not in answer

    def test_headers_below_the_limit_before_a_long_body(self, small):
        with connection(small.url) as client:
            head = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\nX: {'x' * 30_000}\r\n\r"
            client.sendall(head.encode())
            client.sendall(b"\n" + b"x" * 90_000)
            assert client.recv(4096).startswith(b"HTTP/1.1 400")
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"HTTP/1.1 200" in client.recv(4096)

    def test_slow_headers(self, small, monkeypatch):
        monkeypatch.setattr(connections, "HEADER_SECONDS", 0.1)
        with connection(small.url) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 408")

    def test_no_http(self, small):
        with connection(small.url) as client:
            client.sendall(b"\x16\x03\x01 hello\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 400")


@contextmanager
def connection(url):
    found = httpx.URL(url)
    with socket.create_connection((found.host, found.port), timeout=10) as client:
        yield client


@contextmanager
def slow_upload(url):
    with connection(url) as client:
        client.sendall(f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{{".encode())
        yield client


@pytest.mark.parametrize("body", [b"[" * 10_000, b"", b"\xff", b"{'single': 1}"])
def test_what_is_no_json_waits_for_its_answer(server, monkeypatch, body):
    monkeypatch.setattr(endpoints, "NONSENSE_SECONDS", 0.5)
    begun = time.monotonic()
    answer = httpx.post(server.url + PREDICT, content=body)
    assert (answer.status_code, "JSON Parse error" in answer.json()["error"]) == (400, True)
    assert time.monotonic() - begun >= 0.5


def test_a_wrong_request_in_json_does_not(server, monkeypatch):
    monkeypatch.setattr(endpoints, "NONSENSE_SECONDS", 60)
    assert httpx.post(server.url + PREDICT, json={"instances": "no list"}, timeout=30).status_code == 400


def test_a_client_that_resets_while_its_nonsense_waits_fills_no_log(server, monkeypatch, caplog):
    monkeypatch.setattr(endpoints, "NONSENSE_SECONDS", 0.3)
    url = httpx.URL(server.url)
    sent = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n[".encode()
    for _ in range(5):
        client = socket.create_connection((url.host, url.port))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(sent + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.05)
        client.close()
    time.sleep(0.6)
    assert caplog.records == []


def test_only_so_many_answers_to_nonsense_wait(server, monkeypatch):
    monkeypatch.setattr(endpoints, "NONSENSE_SECONDS", 1.0)
    monkeypatch.setattr(endpoints, "_nonsense", asyncio.Semaphore(2))
    seconds = []

    def ask():
        begun = time.monotonic()
        answer = httpx.post(server.url + PREDICT, content=b"[", timeout=30)
        assert answer.status_code == 400
        seconds.append(time.monotonic() - begun)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one >= 0.9 for one in seconds) == 2
