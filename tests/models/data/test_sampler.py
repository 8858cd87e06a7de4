import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.data.sampler import IdentityIndex, sample_distinct, sampler, shuffled

SIZES = [1, 3, 8]
LABELS = np.array([7] * 3 + [2] * 1 + [9] * 8)
VALUES = np.arange(100, 112)


def test_the_numbers_of_a_key_are_these():
    """On every machine and of every release: a training may go on elsewhere."""
    uniform = sampler(3, 1)
    assert [uniform(), uniform()] == [0.4432402455218729, 0.6484118690770999]


def test_different_keys_differ():
    first = {sampler(*key)() for key in [(1,), (1, 0), (10,), (0, 1), (1, 1), (11,), (1, 1, 0)]}
    assert len(first) == 7


@given(st.integers(1, 60), st.data())
def test_none_is_sampled_twice_and_the_first_are_kept(size, data):
    first = data.draw(st.lists(st.integers(0, size - 1), unique=True))
    count = data.draw(st.integers(len(first), size))
    sampled = sample_distinct(count, size, sampler(size, count), first)
    assert sampled[: len(first)] == first
    assert len(set(sampled)) == len(sampled) == count
    assert set(sampled) <= set(range(size))


def test_every_number_is_as_likely_at_every_place():
    uniform = sampler(0)
    sampled = np.array([sample_distinct(3, 5, uniform) for _ in range(10_000)])
    for place in range(3):
        np.testing.assert_allclose(np.bincount(sampled[:, place]) / 10_000, 0.2, atol=0.02)


def test_an_order_has_every_number_once():
    assert sorted(shuffled(50, sampler(1))) == list(range(50))
    assert shuffled(50, sampler(1)) == shuffled(50, sampler(1)) != shuffled(50, sampler(2))


def index() -> IdentityIndex:
    """By label: 2 is {103}, 7 {100, 101, 102}, 9 {104 ... 111}."""
    mixed = np.random.default_rng(0).permutation(len(LABELS))
    return IdentityIndex(VALUES[mixed], LABELS[mixed])


def label_of(values) -> list[int]:
    return LABELS[np.asarray(values) - 100].tolist()


def test_identities_are_numbered_by_the_rank_of_their_labels():
    assert index().labels.tolist() == [2, 7, 9]
    assert len(index()) == 3


@given(st.permutations([0, 1, 2]), st.integers(1, 20), st.integers(0, 99))
def test_exactly_as_many_of_each_as_evenly_as_possible(identities, count, seed):
    sampled = index().sample_exactly(identities, count, sampler(seed)).reshape(3, count)
    for one, values in zip(identities, sampled, strict=True):
        assert set(label_of(values)) == {index().labels[one]}
        times = np.unique(values, return_counts=True)[1].tolist()
        assert len(times) == min(count, SIZES[one])
        assert max(times) - min(times) <= 1


@given(st.permutations([0, 1, 2]), st.integers(0, 20), st.integers(0, 99))
def test_at_most_as_many_of_each_and_none_twice(identities, count, seed):
    sampled = index().sample_at_most(identities, count, sampler(seed))
    expected = [index().labels[one] for one in identities for _ in range(min(count, SIZES[one]))]
    assert label_of(sampled) == expected
    assert len(set(sampled.tolist())) == len(sampled)


def test_identities_are_sampled_by_their_share_of_what_remains():
    uniform, made = sampler(0), index()
    sampled = np.array([made.sample_identities(3, uniform) for _ in range(12_000)])
    assert (np.sort(sampled, axis=1) == [0, 1, 2]).all()
    first = np.bincount(sampled[:, 0]) / len(sampled)
    np.testing.assert_allclose(first, np.array(SIZES) / 12, atol=0.02)
    after_the_largest = sampled[sampled[:, 0] == 2, 1]
    np.testing.assert_allclose(np.bincount(after_the_largest) / len(after_the_largest), [0.25, 0.75], atol=0.02)


def test_an_empty_index():
    empty = IdentityIndex(np.arange(0), np.arange(0))
    assert len(empty) == 0
    assert empty.sample_at_most([], 3, sampler(0)).tolist() == []
