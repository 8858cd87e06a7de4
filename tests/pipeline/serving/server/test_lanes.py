"""Requests that cost little do not wait for those that cost much: which lane a request is answered in, and why."""

import base64
import io
import json
import pickle
import threading

import httpx
import numpy as np
import pytest
from PIL import Image
from running_server import serving
from tiny_model import GREY, pair_example, patterns

from components.serving_folder.storage import link_or_copy
from pipeline.serving.server import large_bodies, served_version
from pipeline.serving.server.admission import Limits, RequestError
from pipeline.serving.server.instances import Prepared, TooCostly, prepare
from pipeline.serving.server.lanes import lanes_of
from pipeline.serving.server.protocol import parse_predict

LIMITS = Limits(
    max_body=128_000, max_pixels=2500, max_instances=40, max_batch=8, small_body=1000, small_pixels=100, large_body=8000
)
SMALL, MEDIUM, LARGE = lanes_of(LIMITS)
GUARD = 30
PREDICT = "/v1/models/siamese:predict"


def image(width, height) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((height, width), np.uint8)).save(file, "PNG")
    return file.getvalue()


def body(*images, **more) -> bytes:
    values = [{"b64": base64.b64encode(one).decode()} for one in images]
    return json.dumps({"signature_name": "embed", "instances": values, **more}).encode()


def parsed(*images):
    return parse_predict(body(*images), {"embed": ("image",)}, LIMITS)


@pytest.mark.parametrize(
    ("images", "lane"),
    [
        ([image(10, 10)], SMALL),
        ([image(11, 10)], MEDIUM),
        ([image(10, 6)] * 2, MEDIUM),
        ([image(1, 1)] * 9, MEDIUM),
        ([image(10, 125)], MEDIUM),
        ([image(10, 126)], LARGE),
        ([b"\0\0\0\x18ftypheic" + bytes(20)], MEDIUM),
    ],
    ids=["small", "pixels", "pixels in all", "instances", "not yet large", "large", "HEIC"],
)
def test_the_cost_is_known_before_an_image_is_decoded(images, lane):
    cheaper = (SMALL, MEDIUM, LARGE)[: (SMALL, MEDIUM, LARGE).index(lane)]
    for other in cheaper:
        with pytest.raises(TooCostly):
            prepare(parsed(*images), LIMITS, bounds=other.bounds)
    if images[0][4:8] != b"ftyp":
        assert lane.suits(prepare(parsed(*images), LIMITS, bounds=lane.bounds))


def test_the_limits_of_the_server_hold_in_every_lane():
    limits = Limits(max_pixels=50)
    lanes = lanes_of(limits)
    for lane in lanes[:2]:
        with pytest.raises(TooCostly):
            prepare(parsed(image(10, 6)), limits, bounds=lane.bounds)
    with pytest.raises(RequestError, match="10x6 > 50"):
        prepare(parsed(image(10, 6)), limits, bounds=lanes[2].bounds)


def test_examples_count_by_their_pixels():
    assert SMALL.suits(Prepared([(b"",)], [100]))
    assert not SMALL.suits(Prepared([(b"",)] * 2, [60, 60]))
    assert not MEDIUM.suits(Prepared([(b"",)], [2000]))
    assert LARGE.suits(Prepared([(b"",)] * 40, [5000] * 40))


def test_costly_requests_have_few_places():
    lane = lanes_of(Limits(max_waiting=16))[2]
    with lane.place(), lane.place():
        with pytest.raises(RequestError) as error, lane.place():
            pass
        assert error.value.status == 429
    with lane.place():
        pass


@pytest.fixture(scope="module")
def small(exported, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lanes")
    link_or_copy(exported.path, folder / "1")
    with serving(folder, limits=LIMITS) as found:
        yield found


LARGER = image(50, 40)


def test_a_small_request_does_not_wait_for_large_ones(small, monkeypatch):
    begun, go = threading.Semaphore(0), threading.Event()
    normal = served_version.prepare

    def held(request, limits, refused, bounds):
        if bounds is not SMALL.bounds and bounds.pixels != SMALL.bounds.pixels:
            begun.release()
            assert go.wait(GUARD)
        return normal(request, limits, refused, bounds)

    monkeypatch.setattr(served_version, "prepare", held)
    codes, url = [], small.url + PREDICT
    clients = [
        threading.Thread(target=lambda: codes.append(httpx.post(url, content=body(LARGER), timeout=GUARD).status_code))
        for _ in range(12)
    ]
    for client in clients:
        client.start()
    try:
        assert begun.acquire(timeout=GUARD)
        assert small.client.post(PREDICT, content=body(image(5, 5))).status_code == 200
        assert not codes
    finally:
        go.set()
        for client in clients:
            client.join()
    assert codes == [200] * 12


def test_the_model_has_a_thread_beside_that_of_the_large_lane():
    assert [lane.calls for lane in lanes_of(Limits()) if lane.name == "large"] == [1]


class TestLargeBodies:
    """Prepared by a process."""

    def test_the_same_answer(self, small):
        few, padding = body(image(10, 10), image(12, 9)), " " * 10_000
        assert (
            small.client.post(PREDICT, content=few + padding.encode()).json()
            == small.client.post(PREDICT, content=few).json()
        )

    def test_examples_too(self, small):
        value = {"b64": base64.b64encode(pair_example(*patterns(2, GREY, seed=3))).decode()}
        few = json.dumps({"instances": [value]})
        found = [small.client.post(PREDICT, content=text).json() for text in (few, few + " " * 10_000)]
        assert found[0] == found[1]
        assert "predictions" in found[0]

    @pytest.mark.parametrize(
        ("content", "status", "why"),
        [
            (body(b"hello"), 400, "instance 0: not an image"),
            (b"{", 400, "JSON Parse error"),
            (body(*[image(1, 1)] * 41), 413, "'instances' holds too many values: 41 > 40"),
            (body(*[image(50, 50)] * 5), 413, "instance 4: the images of one request"),
        ],
    )
    def test_what_is_wrong_is_reported_as_ever(self, small, content, status, why):
        answer = small.client.post(PREDICT, content=content + b" " * 10_000)
        assert answer.status_code == status
        assert why in answer.json()["error"]

    def test_refused_images_are_counted(self, small):
        small.client.post(PREDICT, content=body(b"GIF89a") + b" " * 10_000)
        assert 'reason="damaged' in small.client.get("/metrics").text

    @pytest.mark.parametrize("program", ["raise SystemExit(1)", "import time; time.sleep(60)"])
    def test_a_process_that_fails_is_a_refusal(self, monkeypatch, program):
        monkeypatch.setattr(large_bodies, "_SECONDS", 0.5)
        monkeypatch.setattr(large_bodies, "_PROGRAM", program)
        with pytest.raises(RequestError) as error:
            large_bodies.prepare_apart(b"{}", {"embed": ("image",)}, LIMITS, print)
        assert error.value.status == 413

    def test_folders_of_the_user_are_not_imported(self, small, tmp_path, monkeypatch):
        (tmp_path / "models").mkdir()
        (tmp_path / "models" / "__init__.py").write_text("raise RuntimeError")
        monkeypatch.chdir(tmp_path)
        assert small.client.post(PREDICT, content=body(image(5, 5)) + b" " * 10_000).status_code == 200


def test_a_refusal_can_be_pickled():
    error = pickle.loads(pickle.dumps(RequestError(413, "too long")))  # noqa: S301 - of this test
    assert (error.status, error.message, str(error)) == (413, "too long", "too long")


def test_long_base64_is_decoded_in_parts():
    from pipeline.serving.server.protocol import decode_b64

    data = np.random.default_rng(0).bytes(2_000_003)
    text = base64.b64encode(data).decode()
    lines = "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    assert decode_b64(text) == decode_b64(text.rstrip("=")) == decode_b64(lines) == data
    for damaged in (text[:512_000] + "=" + text[512_001:], text[:1024] + "==" + text[1026:], text[:700_000] + "$"):
        with pytest.raises(ValueError):  # noqa: PT011 - any
            decode_b64(damaged)
