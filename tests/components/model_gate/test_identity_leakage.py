"""Whether the served model saw what the candidate is tested on."""

import pytest

from components.image_example_gen.settings import SplitSettings
from components.image_example_gen.splits import split_of
from components.model_gate.identity_leakage import leakage_gate

RULE = SplitSettings().model_dump()
NAMES = [f"person {number}" for number in range(200)]


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
def test_of_other_splits_only_the_doubt_is_told(by):
    reported = leakage_gate(split(0, by=by), split(1, by=by), NAMES)
    assert reported.passed and "may have seen some of the test images" in reported.reason
