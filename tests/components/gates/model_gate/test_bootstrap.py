"""Who is drawn weighs, and how far that moves a measure."""

import numpy as np
import pytest

from components.gates.model_gate import bootstrap
from components.gates.model_gate.bootstrap import Units, bounds, draw, standard_errors


def units_of(*pairs):
    a, b = zip(*pairs, strict=True)
    return Units.of(np.array(a, object), np.array(b, object))


def mean(values):
    def measure(weights):
        with np.errstate(invalid="ignore"):
            return {"mean": weights @ values / weights.sum(axis=1)}

    return measure


def designed(identities, pairs, rng):
    """As many genuine as impostor pairs."""
    a = np.tile(np.arange(identities), 2 * pairs)
    other = (a + rng.integers(1, identities, len(a))) % identities
    return Units(identities, a, np.where(np.arange(len(a)) < len(a) // 2, a, other))


def test_names_become_units_on_both_sides():
    units = units_of("xx", "xy", "zx")
    assert units.count == 3
    assert units.a.tolist() == [0, 0, 2] and units.b.tolist() == [0, 1, 0]
    assert units.alone.tolist() == [True, False, False]


def test_pairs_of_the_same_two_are_one_cell_whatever_their_order():
    cells = units_of("xy", "yx", "xz", "xx").cells.tolist()
    assert cells[0] == cells[1] and len(set(cells)) == 3


def test_the_kept_pairs_have_units_of_their_own():
    kept = units_of("ab", "cd", "cc").take(np.array([False, True, True]))
    assert (kept.count, kept.a.tolist(), kept.b.tolist()) == (2, [0, 0], [1, 0])


def test_a_pair_weighs_as_often_as_both_its_identities_are_drawn():
    units = units_of("xx", "yy", "zz", "xy", "yz")
    weights = np.concatenate(list(draw(units, 200, seed=0)))
    assert weights.shape == (200, 5)
    x, y, z, xy, yz = weights.T
    assert (x + y + z == 3).all(), "three identities are drawn"
    assert (xy == x * y).all() and (yz == y * z).all()
    assert {0.0, 1.0, 2.0, 3.0} <= set(x)


def test_a_seed_gives_the_same_draws_in_blocks_of_any_size(monkeypatch):
    units = designed(12, 5, np.random.default_rng(0))
    values = np.random.default_rng(1).normal(size=len(units.a))
    whole, other = (np.concatenate(list(draw(units, 50, seed))) for seed in (3, 4))
    error = standard_errors(mean(values), units, 50, 3)
    monkeypatch.setattr(bootstrap, "_BLOCK", 7 * len(units.a))
    blocks = list(draw(units, 50, 3))
    assert max(map(len, blocks)) == 7
    np.testing.assert_array_equal(np.concatenate(blocks), whole)
    assert not np.array_equal(whole, other)
    assert standard_errors(mean(values), units, 50, 3) == pytest.approx(error)


def test_a_pair_larger_than_a_block_is_drawn_one_resample_at_a_time(monkeypatch):
    monkeypatch.setattr(bootstrap, "_BLOCK", 1)
    assert [len(block) for block in draw(units_of("xx", "xy"), 3, seed=0)] == [1, 1, 1]


@pytest.mark.parametrize(("count", "pairs"), [(30, 20), (400, 2)])
def test_the_error_is_that_of_new_samples(count, pairs):
    """Identities with effects of their own: what one sample's bootstrap says is how samples differ."""
    rng = np.random.default_rng(5)
    means, errors = [], []
    for seed in range(120):
        units = designed(count, pairs, rng)
        effect = rng.normal(size=count)
        values = 0.3 * (effect[units.a] + effect[units.b]) + rng.normal(size=len(units.a))
        means.append(values.mean())
        if seed < 15:
            errors.append(standard_errors(mean(values), units, 200, seed)["mean"])
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.25)


def test_few_pairs_of_many_images_count_once_and_not_three_times():
    rng = np.random.default_rng(0)
    images = rng.permutation(3000)
    units = Units(3000, images[:1500], images[1500:])  # each image in one pair: nothing is shared
    values = rng.normal(size=1500)
    error = standard_errors(mean(values), units, 400, 0)["mean"]
    assert error == pytest.approx(values.std() / np.sqrt(1500), rel=0.12)


def test_a_measure_without_meaning_in_many_resamples_has_no_error():
    impostors_of_two = units_of("xy", "xy", "yx")  # no pair is left where one of both is drawn twice
    assert np.isnan(standard_errors(mean(np.array([0.0, 1, 1])), impostors_of_two, 200, 0)["mean"])
    impostors_of_three = units_of("xy", "yz", "zx")
    assert np.isnan(standard_errors(mean(np.array([0.0, 1, 1])), impostors_of_three, 200, 0)["mean"])
    with_genuine = units_of("xy", "xx", "yy")
    assert standard_errors(mean(np.array([0.0, 1, 0])), with_genuine, 200, 0)["mean"] > 0


def test_bounds_are_students():
    low, high = bounds(0.5, 0.1, units=10**6, confidence=0.95)
    assert (low, high) == pytest.approx((0.5 - 0.16449, 0.5 + 0.16449), abs=1e-4)
    assert bounds(0.5, 0.1, 5, 0.95)[0] == pytest.approx(0.5 - 0.1 * 2.1318 * np.sqrt(5 / 4), abs=1e-4)
    reaches = [bounds(0.0, 0.1, count, 0.95)[1] for count in (2, 3, 5, 10, 100)]
    assert reaches == sorted(reaches, reverse=True)
    assert bounds(0.5, 0.0, 10, 0.95) == (0.5, 0.5)


@pytest.mark.parametrize("unknown", [(0.5, 0.1, 1), (0.5, np.nan, 10), (np.nan, 0.1, 10)])
def test_no_bounds_of_what_is_not_known(unknown):
    assert np.isnan(bounds(*unknown, confidence=0.95)).all()
