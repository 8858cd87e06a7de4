"""Places are for requests that have arrived, and bytes are shared by those that arrive."""

import asyncio

import pytest

from pipeline.serving.server.admission import Admission, Limits, RequestError


async def chunks(*sizes, then=None):
    for size in sizes:
        yield bytes(size)
        await asyncio.sleep(0)
    if then:
        await then.wait()


def test_one_place_too_few():
    admission = Admission(Limits(max_waiting=2))
    with admission.place():
        assert admission.alone
        with admission.place():
            assert not admission.alone
            with pytest.raises(RequestError, match="2 requests are waiting") as refused, admission.place():
                pass
            assert refused.value.status == 429
    with admission.place():
        assert admission.alone


def test_the_largest_body_that_arrives_gives_way_to_a_smaller_one():
    limits = Limits(max_body=100)  # 300 bytes of all

    async def asked():
        admission, never = Admission(limits), asyncio.Event()

        async def read(*sizes, then=None):
            with admission.reservation() as reservation:
                return await reservation.read(chunks(*sizes, then=then))

        stalled = [asyncio.create_task(read(90, then=never)) for _ in range(3)]
        await asyncio.sleep(0.01)
        small = await asyncio.gather(*(read(10, 10) for _ in range(5)))
        large = await asyncio.gather(read(50, 50), return_exceptions=True)
        await asyncio.sleep(0.01)
        gone = [task for task in stalled if task.done()]
        for task in stalled:
            task.cancel()
        results = await asyncio.gather(*stalled, return_exceptions=True)
        with admission.reservation() as reservation:  # everything was released
            assert len(await reservation.read(chunks(50, 50))) == 100
        assert admission._bytes == 0
        return small, large, gone, results

    small, large, gone, results = asyncio.run(asked())
    assert [len(body) for body in small] == [20] * 5
    assert len(gone) == 1
    assert [one.status for one in results if isinstance(one, RequestError)] == [429]
    assert [type(one) for one in large] == [bytearray]  # in the room that the stalled one left


def test_no_byte_of_a_body_that_is_worked_on_is_taken_away():
    async def asked():
        admission = Admission(Limits(max_body=100))
        held = [admission.reservation() for _ in range(3)]
        for one in held:
            await one.__enter__().read(chunks(100))
        with pytest.raises(RequestError) as refused, admission.reservation() as reservation:
            await reservation.read(chunks(1))
        for one in held:
            one.__exit__(None, None, None)
        return refused.value.status

    assert asyncio.run(asked()) == 429


@pytest.mark.parametrize(("sizes", "status"), [((60, 60), 413), ((10,), 408)])
def test_too_long_and_too_slow(sizes, status):
    async def asked():
        with Admission(Limits(max_body=100, upload_seconds=0.05)).reservation() as reservation:
            await reservation.read(chunks(*sizes, then=asyncio.Event()))

    with pytest.raises(RequestError) as refused:
        asyncio.run(asked())
    assert refused.value.status == status
