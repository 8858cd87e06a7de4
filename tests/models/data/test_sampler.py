import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.data.sampler import different, draws


def test_the_numbers_of_a_key_are_these():
    """On every machine and of every release: a training may go on elsewhere."""
    draw = draws(3, 1)
    assert [draw(), draw()] == [0.4432402455218729, 0.6484118690770999]


def test_keys_are_told_apart():
    first = {draws(*key)() for key in [(1,), (1, 0), (10,), (0, 1), (1, 1), (11,), (1, 1, 0)]}
    assert len(first) == 7


@given(st.integers(1, 60), st.data())
def test_none_is_drawn_twice_and_what_was_begun_stays(size, data):
    begun = data.draw(st.lists(st.integers(0, size - 1), unique=True))
    count = data.draw(st.integers(len(begun), size))
    drawn = different(count, size, draws(size, count), begun)
    assert drawn[: len(begun)] == begun
    assert len(set(drawn)) == len(drawn) == count
    assert set(drawn) <= set(range(size))


def test_every_number_is_as_likely_at_every_place():
    draw = draws(0)
    drawn = np.array([different(3, 5, draw) for _ in range(10_000)])
    for place in range(3):
        np.testing.assert_allclose(np.bincount(drawn[:, place]) / 10_000, 0.2, atol=0.02)
