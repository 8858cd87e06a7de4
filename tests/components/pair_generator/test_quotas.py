import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from components.pair_generator.quotas import possible, quotas, rate_for, schedule

sizes = st.lists(st.integers(1, 40), min_size=1, max_size=20).map(np.array)


@given(sizes, st.data())
def test_a_tournament_pairs_nobody_twice_and_everybody_evenly(sizes, data):
    counts = np.array([data.draw(st.integers(0, int(most))) for most in possible(sizes)])
    who, first, second = schedule(sizes, counts)
    assert np.bincount(who, minlength=len(sizes)).tolist() == counts.tolist()
    assert (first != second).all()
    pairs = set(zip(who, np.minimum(first, second), np.maximum(first, second), strict=True))
    assert len(pairs) == len(who)
    for number, size in enumerate(sizes):
        games = np.bincount(np.concatenate([first[who == number], second[who == number]]), minlength=size)
        assert len(games) == size
        assert np.ptp(games) <= 2


@given(sizes, st.floats(0.05, 20), st.integers(1, 50))
def test_quotas_stay_within_what_there_is(sizes, rate, cap):
    given = quotas(sizes, rate, cap, "key")
    assert (given <= np.minimum(cap, possible(sizes))).all()
    assert (given <= np.ceil(sizes * rate + 1e-9)).all()


@given(sizes, st.integers(1, 2000), st.integers(1, 50))
def test_the_rate_reaches_the_total_or_the_limits(sizes, total, cap):
    limits = np.minimum(cap, possible(sizes))
    given = np.minimum(limits, rate_for(total, sizes, limits) * sizes).sum()
    np.testing.assert_allclose(given, min(total, limits.sum()))
