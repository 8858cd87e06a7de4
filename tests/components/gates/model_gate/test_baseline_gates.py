"""The decision table of a change, its words, and the gate on raw pixels."""

import math
from dataclasses import replace

import pytest

from components.gates.model_gate.baseline_gates import (
    Change,
    Test,
    change_gate,
    cost_gate,
    leakage_gate,
    pixels_gate,
    slice_loss,
)
from components.image_example_gen.settings import SplitSettings
from components.image_example_gen.splits import split_of

Test.__test__ = False  # no test of pytest's
TEST = Test(confidence=0.95, units=40, drawn="identities", min_units=10, unresolved="point")
FEW = replace(TEST, units=6)
REFUSING = replace(TEST, unresolved="refuse")
RULE = SplitSettings().model_dump()
NAMES = [f"person {number}" for number in range(200)]


def change(gain, reach, baseline=0.9):
    return Change("accuracy", baseline + gain, baseline, gain, gain - reach, gain + reach)


@pytest.mark.parametrize(
    ("gain", "reach", "test", "passed", "expected"),
    [
        (0.0, 0.0, TEST, True, "+0.0000; a loss of 0.02 is allowed"),  # the same answers
        (0.0, 0.0, FEW, True, "+0.0000; a loss of 0.02 is allowed"),
        (0.05, 0.01, TEST, True, "at worst +0.0400 at 95% confidence"),
        (-0.005, 0.01, TEST, True, "at worst -0.0150"),  # worse, but surely by less than is allowed
        (0.0, 0.02, TEST, True, "at worst -0.0200"),  # the bound on the limit
        (-0.1, 0.01, TEST, False, "may be -0.1100 (95% confidence); a loss of 0.02 is allowed"),
        (-0.015, 0.01, TEST, False, "may be -0.0250"),  # within what is allowed, but not surely
        (0.05, 0.06, TEST, True, "at worst -0.0100"),  # a wide bound that still holds
        (
            0.0,
            0.03,
            TEST,
            True,
            "40 test identities cannot resolve a loss of 0.02 (the bound at 95% confidence is 0.0300",
        ),
        (-0.015, 0.03, TEST, True, "so the measured change decides: within what is allowed"),
        (0.865 - 0.885, 0.03, TEST, True, "so the measured change decides: within what is allowed"),  # just so much
        (-0.025, 0.03, TEST, False, "so the measured change decides: a greater loss than is allowed"),
        (0.0, 0.03, REFUSING, False, "cannot resolve a loss of 0.02"),
        (0.0, 0.03, REFUSING, False, "refused, as configured"),
        (0.05, 0.03, REFUSING, True, "at worst +0.0200"),
        (0.05, 0.01, FEW, True, "6 test identities cannot resolve a loss of 0.02 (at least 10 are needed)"),
        (-0.05, 0.01, FEW, False, "a greater loss than is allowed"),
        (0.05, 0.01, replace(FEW, unresolved="refuse"), False, "at least 10 are needed"),
        (0.0, math.nan, TEST, True, "it is undefined in too many bootstrap samples"),
        (-0.03, math.nan, TEST, False, "a greater loss than is allowed"),
        (0.0, math.nan, REFUSING, False, "refused, as configured"),
    ],
)
def test_a_change_is_decided_on(gain, reach, test, passed, expected):
    result = change_gate(change(gain, reach), 0.02, test)
    assert (result.name, result.passed) == ("baseline accuracy", passed), result.reason
    assert expected in result.reason
    assert f"accuracy {0.9 + gain:.4f} against 0.9000 of the served model" in result.reason
    assert "\n" not in result.reason


def test_no_loss_allowed_takes_a_surely_better_model_alone():
    assert change_gate(change(0.02, 0.01), 0.0, TEST).passed
    assert not change_gate(change(-0.001, 0.0), 0.0, TEST).passed
    assert "cannot resolve a loss of 0 " in change_gate(change(0.005, 0.01), 0.0, TEST).reason


def test_a_candidate_that_cannot_be_measured_is_refused_and_a_served_model_that_cannot_is_replaced():
    nan = math.nan
    mine = change_gate(Change("precision", nan, 0.9, nan, nan, nan), 0.02, TEST)
    theirs = change_gate(Change("precision", 0.9, nan, nan, nan, nan), 0.02, REFUSING)
    assert (mine.passed, mine.reason) == (False, "precision could not be measured")
    assert (theirs.passed, theirs.reason) == (True, "the served model's precision could not be measured")


@pytest.mark.parametrize(
    ("gain", "reach", "refused"),
    [
        (-0.2, 0.1, True),
        (-0.2, 0.25, False),  # chance may have done it
        (-0.04, 0.01, False),  # surely worse, by less than is allowed
        (0.835 - 0.885, 0.01, False),  # by just what is allowed, which rounding makes more
        (0.1, 0.01, False),
        (math.nan, math.nan, False),
        (-0.2, math.nan, False),
    ],
)
def test_a_slice_must_show_that_it_lost(gain, reach, refused):
    reported = slice_loss(change(gain, reach), 0.05, "Greek")
    assert (reported is not None) == refused
    if reported:
        assert reported.startswith("Greek: accuracy 0.7000 against 0.9000") and "0.2000 lost, more than" in reported


@pytest.mark.parametrize(
    ("gain", "reach", "pixels", "test", "passed"),
    [
        (0.1, 0.02, 0.8, TEST, True),
        (0.01, 0.02, 0.8, TEST, False),
        (-0.1, 0.02, 0.8, TEST, False),
        (0.1, 0.2, 0.8, FEW, True),  # too few for a bound: the measured gain decides
        (-0.01, 0.2, 0.8, FEW, False),
        (0.0, 0.0, 1.0, TEST, True),  # where pixels tell all apart, nothing can be better
        (-0.001, 0.002, 0.999, TEST, True),
        (-0.05, 0.002, 0.999, TEST, False),
        (0.1, math.nan, 0.8, TEST, True),
        (math.nan, math.nan, 0.8, TEST, False),
    ],
)
def test_a_trained_model_is_better_than_raw_pixels(gain, reach, pixels, test, passed):
    result = pixels_gate(replace(change(gain, reach, pixels), name="auc"), test)
    assert (result.name, result.passed) == ("pixels", passed), result.reason
    assert f"against {pixels:.4f} of the raw pixels' distance" in result.reason


def test_a_gain_over_pixels_that_is_not_sure_names_the_switch():
    result = pixels_gate(replace(change(0.01, 0.02, 0.8), name="auc"), TEST)
    assert "not significantly better (gates.beats_pixels) (at worst " in result.reason


@pytest.mark.parametrize(("candidate", "passed"), [(10.0, True), (15.0, True), (15.1, False)])
def test_a_cost_is_compared_by_its_ratio(candidate, passed):
    result = cost_gate("size", "MB", candidate, 10.0, 1.5)
    assert (result.name, result.passed) == ("size", passed)
    assert result.reason == (
        f"{candidate:.2f} MB against 10.00 of the served model: {candidate / 10:.2f} times, 1.5 allowed"
    )


def split(seed, **changed):
    return {**RULE, **changed, "seed": seed}


def test_the_same_split_and_an_unknown_one_are_nothing_to_tell():
    tested = [name for name in NAMES if split_of(0, name, SplitSettings()) == "test"]
    assert leakage_gate(split(0), split(0), tested) is None
    assert leakage_gate({}, split(0), tested) is None
    assert leakage_gate(split(0, max_faces=3), split(1), tested) is None, "a rule of another version"
    assert leakage_gate({"by": "identity"}, split(1), tested) is None
    assert leakage_gate(split("x"), split(1), tested) is None


def test_identities_of_its_training_are_counted_and_refuse_nothing():
    tested = [name for name in NAMES if split_of(1, name, SplitSettings()) == "test"]
    seen = sum(split_of(0, name, SplitSettings()) != "test" for name in tested)
    reported = leakage_gate(split(0), split(1), tested + tested)
    assert 0 < seen < len(tested)
    assert (reported.name, reported.passed) == ("overlap", True)
    where = "fall into the served model's own training or validation, which favours it"
    assert reported.reason == f"{seen} of {len(tested)} test identities {where}"


def test_another_rule_that_kept_the_same_identities_away_is_nothing_to_tell():
    tested = [name for name in NAMES if split_of(0, name, SplitSettings()) == "test"]
    assert leakage_gate(split(0), split(0, test=0.15 - 1e-9), tested) is None


@pytest.mark.parametrize("by", ["image", "group"])
def test_of_other_splits_only_the_doubt_is_reported(by):
    reported = leakage_gate(split(0, by=by), split(1, by=by), NAMES)
    assert reported.passed and "may have seen some of the test images" in reported.reason
