import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.data.identity_index import Members
from models.data.sampler import draws

SIZES = [1, 3, 8]
LABELS = np.array([7] * 3 + [2] * 1 + [9] * 8)
VALUES = np.arange(100, 112)


def members() -> Members:
    """The sets, by label: 2 is {103}, 7 {100, 101, 102}, 9 {104 ... 111}."""
    mixed = np.random.default_rng(0).permutation(len(LABELS))
    return Members(VALUES[mixed], LABELS[mixed])


def label_of(values) -> list[int]:
    return LABELS[np.asarray(values) - 100].tolist()


def test_sets_are_numbered_by_their_labels():
    assert members().labels.tolist() == [2, 7, 9]
    assert len(members()) == 3


@given(st.permutations([0, 1, 2]), st.integers(1, 20), st.integers(0, 99))
def test_exactly_so_many_of_each_as_evenly_as_can_be(sets, count, seed):
    drawn = members().exactly(sets, count, draws(seed)).reshape(3, count)
    for one, values in zip(sets, drawn, strict=True):
        assert set(label_of(values)) == {members().labels[one]}
        times = np.unique(values, return_counts=True)[1].tolist()
        assert len(times) == min(count, SIZES[one])
        assert max(times) - min(times) <= 1


@given(st.permutations([0, 1, 2]), st.integers(0, 20), st.integers(0, 99))
def test_some_of_each_and_none_twice(sets, count, seed):
    drawn = members().some(sets, count, draws(seed))
    expected = [members().labels[one] for one in sets for _ in range(min(count, SIZES[one]))]
    assert label_of(drawn) == expected
    assert len(set(drawn.tolist())) == len(drawn)


def test_the_next_set_is_that_of_a_member_that_is_left():
    draw, made = draws(0), members()
    drawn = np.array([made.sets(3, draw) for _ in range(12_000)])
    assert (np.sort(drawn, axis=1) == [0, 1, 2]).all()
    first = np.bincount(drawn[:, 0]) / len(drawn)
    np.testing.assert_allclose(first, np.array(SIZES) / 12, atol=0.02)
    after_the_largest = drawn[drawn[:, 0] == 2, 1]
    np.testing.assert_allclose(np.bincount(after_the_largest) / len(after_the_largest), [0.25, 0.75], atol=0.02)


def test_of_nothing_nothing_is_drawn():
    empty = Members(np.arange(0), np.arange(0))
    assert len(empty) == 0
    assert empty.some([], 3, draws(0)).tolist() == []
