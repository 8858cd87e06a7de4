"""The split is a function of the key alone, in the proportions asked for, and never too small."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from components.image_example_gen.rows import Row
from components.image_example_gen.settings import IngestSettings, SplitSettings
from components.image_example_gen.splits import check_splits, fraction, split_key, split_of
from models.errors import UserError
from models.features import SPLITS


def rows_of(identities: int, settings: SplitSettings, seed: int, images: int = 3) -> list[Row]:
    rows = []
    for identity in range(identities):
        for image in range(images):
            row = Row(f"{identity}/{image}", str(identity), f"g{identity % 7}", digest=f"d{identity}-{image}")
            rows.append(row._replace(split=split_of(seed, split_key(row, settings), settings)))
    return rows


@given(st.integers(), st.text())
def test_fraction_is_a_function_into_the_unit_interval(seed, key):
    assert 0 <= fraction(seed, key) < 1
    assert fraction(seed, key) == fraction(seed, key)


@given(st.integers(0, 2**31), st.sampled_from([(0.7, 0.15, 0.15), (0.2, 0.2, 0.6)]))
def test_proportions_are_kept(seed, fractions):
    settings = SplitSettings(**dict(zip(SPLITS, fractions, strict=True)))
    drawn = [split_of(seed, f"key {number}", settings) for number in range(3000)]
    for split, wanted in zip(SPLITS, fractions, strict=True):
        assert abs(drawn.count(split) / len(drawn) - wanted) < 0.06


def test_another_seed_is_another_split():
    settings = SplitSettings()
    keys = [str(number) for number in range(200)]
    assert [split_of(0, key, settings) for key in keys] != [split_of(1, key, settings) for key in keys]


@pytest.mark.parametrize("by", ["identity", "image", "group"])
def test_what_belongs_together_is_in_one_split(by):
    settings = SplitSettings(by=by, train=0.4, val=0.3, test=0.3)
    homes: dict[str, set[str]] = {}
    for row in rows_of(100, settings, seed=3):
        homes.setdefault(split_key(row, settings), set()).add(row.split)
    assert all(len(splits) == 1 for splits in homes.values())


def test_enough_identities_pass():
    check_splits(rows_of(100, SplitSettings(), seed=0), SplitSettings(), seed=0)


def test_too_few_identities_say_what_to_change():
    settings, seed = SplitSettings(), 0
    with pytest.raises(UserError) as caught:
        check_splits(rows_of(8, settings, seed=8), settings, seed=8)
    line = str(caught.value)
    assert "images of" in line
    assert "data.split.by: image" in line
    seed = int(line.partition("another seed (")[2].partition(" ")[0])
    check_splits(rows_of(8, settings, seed), settings, seed)


def test_a_torn_key_is_our_fault():
    rows = rows_of(100, SplitSettings(), seed=0)
    other = "test" if rows[0].split == "train" else "train"
    with pytest.raises(RuntimeError, match="is in the splits"):
        check_splits([rows[0]._replace(split=other), *rows[1:]], SplitSettings(), seed=0)


def test_settings_refuse_what_cannot_be():
    with pytest.raises(ValidationError, match="must sum to 1"):
        SplitSettings(train=0.7, val=0.2, test=0.2)
    with pytest.raises(ValidationError, match="needs layout: group/identity"):
        IngestSettings(split=SplitSettings(by="group"))
