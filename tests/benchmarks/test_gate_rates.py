"""A short form of the benchmark that simulates the ModelGate's rates."""

from benchmarks.gate_rates import LOSSES, Design, rates


def test_what_is_better_is_blessed_and_what_is_worse_is_not():
    found = rates(Design(units=40, pairs=40, allowed=0.1), splits=8, resamples=200, seed=0)
    assert tuple(found) == LOSSES
    assert found[-1.0]["blessed"] == found[0.0]["blessed"] == 1
    assert found[2.0]["blessed"] == found[2.0]["strict"] == 0


def test_few_identities_resolve_nothing():
    found = rates(Design(units=5, pairs=20, allowed=0.01), splits=4, resamples=200, seed=0)
    assert all(shares["unresolved"] == 1 and shares["strict"] == 0 for shares in found.values())
