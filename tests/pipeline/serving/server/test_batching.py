import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.serving.server.admission import RequestError, bad_request
from pipeline.serving.server.batching import Batcher
from pipeline.serving.server.instances import Prepared


class Model:
    """Answers a row with itself, waits in its first call for ``go``, and records its batches."""

    def __init__(self):
        self.batches, self.go = [], threading.Event()

    def __call__(self, rows):
        self.batches.append([row[0] for row in rows])
        self.go.wait(10)
        return [bad_request("bad") if row[0] == b"bad" else {"x": row[0]} for row in rows]


@pytest.fixture
def model():
    return Model()


def run(model, *requests, max_batch=4, max_pixels=100):
    """The answers to requests that come while the model answers the first one; each a list of (value, pixels)."""

    async def asked():
        with ThreadPoolExecutor(2) as executor:
            batcher = Batcher(model, executor, 1, max_batch, max_pixels)
            tasks = []
            for request in requests:
                rows = Prepared([(value,) for value, _ in request], [pixels for _, pixels in request])
                tasks.append(asyncio.create_task(batcher.submit(rows)))
                await asyncio.sleep(0.01)
            model.go.set()
            return await asyncio.gather(*tasks, return_exceptions=True)

    return asyncio.run(asked())


def rows(*values, pixels=1):
    return [(value, pixels) for value in values]


def test_an_idle_model_is_asked_at_once_and_the_rest_wait_together(model):
    answers = run(model, rows(b"a"), rows(b"b"), rows(b"c", b"d"))
    assert model.batches == [[b"a"], [b"b", b"c", b"d"]]
    assert answers == [[{"x": b"a"}], [{"x": b"b"}], [{"x": b"c"}, {"x": b"d"}]]


def test_a_batch_has_an_end_and_a_request_may_be_in_several(model):
    many = [bytes([65 + n]) for n in range(10)]
    answers = run(model, rows(*many), rows(b"z"))
    assert [len(batch) for batch in model.batches] == [4, 4, 3]
    assert [row["x"] for row in answers[0]] == many
    assert answers[1] == [{"x": b"z"}]


def test_large_images_are_few_in_a_batch_and_one_always_goes(model):
    run(model, rows(b"a"), rows(b"b", b"c", b"d", pixels=50), rows(b"e", pixels=500))
    assert model.batches == [[b"a"], [b"b", b"c"], [b"d"], [b"e"]]


def test_a_bad_row_fails_its_own_request_alone(model):
    answers = run(model, rows(b"a"), rows(b"b", b"bad"), rows(b"c"))
    assert answers[0] == [{"x": b"a"}]
    assert answers[2] == [{"x": b"c"}]
    assert isinstance(answers[1], RequestError)
    assert answers[1].message == "instance 1: bad"


def test_a_model_that_fails_fails_its_batch_and_goes_on():
    calls = []

    def model(rows):
        calls.append(len(rows))
        if len(calls) == 1:
            raise MemoryError("no room")
        return [{"x": row[0]} for row in rows]

    model.go = threading.Event()
    answers = run(model, rows(b"a"), rows(b"b"))
    assert isinstance(answers[0], MemoryError)
    assert answers[1] == [{"x": b"b"}]


def test_a_client_that_left_is_not_answered(model):
    async def asked():
        with ThreadPoolExecutor(2) as executor:
            batcher = Batcher(model, executor, 1, 4, 100)
            first, second, third = (
                asyncio.create_task(batcher.submit(Prepared([(value,)], [1]))) for value in (b"a", b"b", b"c")
            )
            await asyncio.sleep(0.01)
            second.cancel()
            await asyncio.sleep(0.01)
            model.go.set()
            return await asyncio.gather(first, third)

    asyncio.run(asked())
    assert model.batches == [[b"a"], [b"c"]]


@pytest.mark.parametrize(("seconds", "at_a_time"), [(0.0, 1), (0.05, 2)])
def test_only_a_model_that_takes_long_is_asked_by_several_threads(seconds, at_a_time):
    running, most = [], []

    def model(rows):
        running.append(rows)
        most.append(len(running))
        time.sleep(seconds)
        running.remove(rows)
        return [{"x": row[0]} for row in rows]

    async def asked():
        with ThreadPoolExecutor(2) as executor:
            batcher = Batcher(model, executor, 2, 1, 100)
            requests = (batcher.submit(Prepared([(bytes([number]),)], [1])) for number in range(30))
            return await asyncio.gather(*requests)

    answers = asyncio.run(asked())
    assert [one[0]["x"] for one in answers] == [bytes([number]) for number in range(30)]
    assert max(most) == at_a_time
