"""Limits within slices: who is refused, who is not, and what is reported of the rest."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError
from scored_pairs import against, made, with_scores, worse

from components.gates.model_gate.bootstrap import Units
from components.gates.model_gate.settings import GateSettings, MeasureSettings, SliceGate
from components.gates.model_gate.slices import slice_gates


def decided(pairs, *rules, **settings):
    gates = GateSettings(slices=rules, **settings)
    return slice_gates(pairs, Units.of(*pairs.identities), gates, MeasureSettings(), seed=0)


def sliced(pairs, by, mask, value):
    column = pairs.slices[by].copy()
    column[mask] = value
    return replace(pairs, slices=pairs.slices | {by: column})


BY_GROUP = SliceGate(by="group", max_drop={"accuracy": 0.05})


def test_a_model_that_is_worse_on_one_group_only_is_refused_and_the_group_named():
    pairs = made(identities=60, groups=6)
    spoiled = worse(pairs, 0.3, where=pairs.slices["group"] == "g4")
    [gate] = decided(with_scores(against(pairs, pairs.distance), spoiled), BY_GROUP)
    assert (gate.name, gate.passed) == ("slices by group", False)
    assert gate.reason.startswith("g4: accuracy 0.") and "g1" not in gate.reason
    assert "lost, more than 0.05 and more than by chance" in gate.reason


def test_the_same_model_or_a_better_one_is_not_refused():
    pairs = made(identities=60, groups=6)
    [same] = decided(against(pairs, pairs.distance), BY_GROUP)
    assert same.passed and same.reason == "6 of 6 slices evaluated, none misses its thresholds"
    [better] = decided(against(pairs, worse(pairs, 0.2)), BY_GROUP)
    assert better.passed


def test_of_equal_models_with_30_groups_few_are_refused():
    """1 - confidence is 0.05; two models of the same skill that err on different pairs and people."""
    refused = 0
    for seed in range(40):
        pairs = made(identities=180, pairs=5, groups=30, seed=seed)
        rng = np.random.default_rng([seed, 1])
        hard = {side: rng.normal(size=(2, 180)) for side in "ab"}["a"]
        a, b = (side.astype(int) for side in pairs.identities)
        mine, theirs = (
            pairs.distance + 0.08 * (own[a] + own[b]) * np.where(pairs.same, 1, -1) + rng.normal(0, 0.05, len(a))
            for own in hard
        )
        [gate] = decided(with_scores(against(pairs, theirs), mine), replace_min(BY_GROUP, 20))
        refused += not gate.passed
    assert refused <= 4


def replace_min(rule, pairs):
    return rule.model_copy(update={"min_pairs": pairs})


def test_a_floor_within_a_slice():
    pairs = made(identities=60, groups=6)
    spoiled = with_scores(pairs, worse(pairs, 0.5, where=pairs.slices["group"] == "g2"))
    [gate] = decided(spoiled, SliceGate(by="group", floors={"accuracy": 0.8}))
    assert not gate.passed
    assert gate.reason.startswith("g2: accuracy 0.") and "is below the floor 0.8" in gate.reason
    [high] = decided(spoiled, SliceGate(by="group", ceilings={"eer": 0.3}))
    assert not high.passed and "g2: eer 0." in high.reason and "above the ceiling 0.3" in high.reason
    [other] = decided(spoiled, SliceGate(by="group", value="g3", floors={"accuracy": 0.8}))
    assert (other.name, other.passed) == ("slice group g3", True)


def test_slices_that_are_too_small_are_named():
    pairs = made(identities=60, groups=6)
    few = np.flatnonzero(pairs.slices["group"] == "g0")[:300]
    pairs = sliced(pairs, "group", few, "tiny 1")
    pairs = sliced(pairs, "group", few[:7], "tiny 2")
    rule = SliceGate(by="group", floors={"accuracy": 0.5}, min_pairs=320)
    [gate] = decided(pairs, rule)
    assert gate.passed
    assert gate.reason == (
        "5 of 8 slices evaluated, none misses its thresholds; g0, tiny 1, tiny 2 not, with fewer than 320 pairs"
    )


def test_a_slice_of_few_identities_is_not_compared_whatever_it_lost():
    pairs = made(identities=40, pairs=60)
    own = (pairs.identities[0] == "3") & pairs.same
    pairs = sliced(pairs, "group", own, "one person")
    [gate] = decided(with_scores(against(pairs, pairs.distance), worse(pairs, 1.0, where=own)), BY_GROUP)
    assert gate.passed
    assert "one person not compared with the served model, of fewer than 5 identities" in gate.reason
    [floor] = decided(with_scores(pairs, worse(pairs, 1.0, where=own)), SliceGate(by="group", floors={"accuracy": 0.5}))
    assert not floor.passed, "what is measured is measured"


def test_by_kind():
    pairs = made()
    rule = SliceGate(by="kind", max_drop={"accuracy": 0.05})
    lenient = with_scores(against(pairs, pairs.distance), worse(pairs, 0.2, where=~pairs.same))
    [gate] = decided(lenient, rule)
    assert not gate.passed
    assert gate.reason.startswith("impostor_random: accuracy")


def test_a_metric_that_pairs_of_one_kind_do_not_have_is_reported_and_refuses_nothing():
    pairs = made(identities=60, groups=6)
    pairs = sliced(pairs, "group", ~pairs.same & (pairs.slices["group"] == "g5"), "across groups")
    pairs = against(pairs, pairs.distance)
    [gate] = decided(pairs, SliceGate(by="group", floors={"auc": 0.8, "accuracy": 0.8}, max_drop={"precision": 0.05}))
    assert gate.passed
    assert "auc not in across groups, g5, of one kind of pairs" in gate.reason
    assert "precision not in across groups, g5" in gate.reason
    assert "accuracy not" not in gate.reason


def test_a_measure_that_fails_for_the_models_sake_refuses():
    pairs = made()
    refusing = with_scores(pairs, pairs.distance, np.minimum(pairs.score, 0.4))  # calls nothing the same
    [gate] = decided(refusing, SliceGate(by="quality", floors={"precision": 0.5}))
    assert (gate.passed, gate.reason) == (False, "good: precision could not be measured")


def test_limits_on_what_a_kind_cannot_have_are_a_wrong_configuration():
    with pytest.raises(ValidationError, match=r"by: kind takes thresholds on accuracy alone: auc "):
        SliceGate(by="kind", floors={"auc": 0.8})


def test_a_missing_slice_is_reported_where_it_was_requested():
    pairs = made()
    assert decided(pairs, BY_GROUP) == []
    [gate] = decided(pairs, SliceGate(by="group", value="Grek", floors={"accuracy": 0.8}))
    assert (gate.passed, gate.reason) == (True, "no test pair is in it: not evaluated")


def test_a_served_model_that_answers_nan_refuses_nothing():
    pairs = made(identities=60, groups=6)
    nothing = np.full(len(pairs.same), np.nan)
    assert [gate.passed for gate in decided(against(pairs, nothing, nothing), BY_GROUP)] == [True]
