"""Splits: a function of the key alone, in the configured proportions, never too small; or the user's, or a list's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from components.image_example_gen.settings import SplitSettings
from components.image_example_gen.sources.source import Found, Listing, SetAside
from components.image_example_gen.splits import (
    assign_listed_splits,
    check_genuine,
    check_splits,
    complete_given_splits,
    final_split,
    fraction,
    split_key,
    split_of,
)
from components.storage.pair_lists import LabelledPair
from models.data.features import SPLITS
from models.errors import UserError


def rows_of(identities: int, settings: SplitSettings, seed: int, images: int = 3) -> list[Found]:
    rows = []
    for identity in range(identities):
        for image in range(images):
            row = Found(f"{identity}/{image}", str(identity), f"g{identity % 7}", digest=f"d{identity}-{image}")
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
    for split, share in zip(SPLITS, fractions, strict=True):
        assert abs(drawn.count(split) / len(drawn) - share) < 0.06


def test_another_seed_is_another_split():
    settings = SplitSettings()
    keys = [str(number) for number in range(200)]
    assert [split_of(0, key, settings) for key in keys] != [split_of(1, key, settings) for key in keys]


@pytest.mark.parametrize("by", ["identity", "image", "group"])
def test_what_belongs_together_is_in_one_split(by):
    settings = SplitSettings(by=by, train=0.4, val=0.3, test=0.3)
    splits: dict[str, set[str]] = {}
    for row in rows_of(100, settings, seed=3):
        splits.setdefault(split_key(row, settings), set()).add(row.split)
    assert all(len(found) == 1 for found in splits.values())


def test_enough_identities_pass():
    check_splits(rows_of(100, SplitSettings(), seed=0), SplitSettings(), seed=0)


def test_too_few_identities_name_a_seed_that_would_do():
    settings, seed = SplitSettings(), 0
    with pytest.raises(UserError) as caught:
        check_splits(rows_of(8, settings, seed=8), settings, seed=8)
    assert caught.value.code == "data-too-few-identities"
    seed = int(caught.value.message.partition("another seed (")[2].partition(" ")[0])
    check_splits(rows_of(8, settings, seed), settings, seed)


def test_a_key_in_two_splits_is_a_defect():
    rows = rows_of(100, SplitSettings(), seed=0)
    other = "test" if rows[0].split == "train" else "train"
    with pytest.raises(RuntimeError, match="is in the splits"):
        check_splits([rows[0]._replace(split=other), *rows[1:]], SplitSettings(), seed=0)


def test_settings_must_sum_to_one():
    with pytest.raises(ValidationError, match="must sum to 1"):
        SplitSettings(train=0.7, val=0.2, test=0.2)


def image(path: str, identity: str, split: str = "", imitated: str = "", group: str = "") -> Found:
    return Found(path, identity, group, split, imitated)


def test_given_splits_hold_for_all_of_an_identity_and_for_its_forgeries():
    found = [image("1", "ann", "test"), image("2", "ann"), image("3", "bob"), image("4", "x", imitated="ann")]
    assert [one.given_split for one in complete_given_splits(found, SplitSettings())] == ["test", "test", "", "test"]
    assert [one.given_split for one in complete_given_splits(found, SplitSettings(by="image"))] == ["test", "", "", ""]


def test_given_splits_that_separate_an_identity_are_the_users_error():
    found = [image("1", "ann", "train"), image("2", "ann", "test"), image("3", "bob", "val")]
    with pytest.raises(UserError, match=r"1 identities .* 'ann' in train and test") as caught:
        complete_given_splits(found, SplitSettings())
    assert caught.value.code == "data-split-conflict"
    assert complete_given_splits(found, SplitSettings(by="image")) == found
    grouped = [one._replace(group="g") for one in found]
    with pytest.raises(UserError, match=r"1 groups .* 'g' in train and val and test"):
        complete_given_splits(grouped, SplitSettings(by="group"))


def test_to_split_by_group_every_image_needs_one():
    with pytest.raises(UserError, match="but 2 has no group") as caught:
        complete_given_splits([image("1", "ann", group="g"), image("2", "bob")], SplitSettings(by="group"))
    assert caught.value.code == "data-group-missing"


def test_forgeries_do_not_count_as_identities():
    rows = [Found(f"{n}", f"{n}", "", split=split, digest=f"d{n}") for n, split in enumerate(SPLITS * 2)]
    check_splits(rows, SplitSettings(), 0)
    lone = [row._replace(impostor_of="0", split="train") if row.image_id == "3" else row for row in rows]
    with pytest.raises(UserError, match="train 2 images of 1, val"):
        check_splits(lone, SplitSettings(), 0)


@given(st.integers(0, 2**31), st.sampled_from(["identity", "image"]))
def test_a_split_without_images_of_its_own_is_taken_out_of_train_by_its_share(seed, by):
    settings = SplitSettings(by=by, train=0.6, val=0.3, test=0.1)
    rows = [
        Found(f"{n}/{k}", str(n), "", "test" if n % 5 == 0 else "train", digest=f"{n}-{k}", divided="val" * (n % 5 > 0))
        for n in range(1000)
        for k in range(2)
    ]
    splits = [final_split(seed, row, settings) for row in complete_given_splits(rows, settings)]
    assert [split == "test" for split in splits] == [row.given_split == "test" for row in rows]
    assert abs(splits.count("val") / (splits.count("val") + splits.count("train")) - 1 / 3) < 0.08
    if by == "identity":
        assert splits[::2] == splits[1::2]


def test_what_is_divided_in_one_increment_is_divided_in_all():
    found = [Found("1/a", "ann", "", "train", divided="val"), Found("2/a", "ann", ""), Found("2/b", "ann", "", "train")]
    assert {one.divided for one in complete_given_splits(found, SplitSettings())} == {"val"}


def genuine_error(rows: list[Found], settings: SplitSettings, seed: int) -> str:
    with pytest.raises(UserError) as caught:
        check_genuine(rows, settings, seed)
    assert caught.value.code == "data-no-genuine-pair"
    return caught.value.message


def mostly_single(settings: SplitSettings, seed: int) -> list[Found]:
    rows = []
    for identity in range(28):
        for image in range(10 if identity < 8 else 1):
            row = Found(f"{identity}/{image}", str(identity), "", digest=f"d{identity}-{image}")
            rows.append(row._replace(split=final_split(seed, row, settings)))
    return rows


def test_identities_of_one_image_each_name_what_is_missing_and_only_what_helps():
    settings = SplitSettings(train=0.6, val=0.2, test=0.2)
    seed = next(
        n for n in range(200) if all(int(r.identity) >= 8 for r in mostly_single(settings, n) if r.split == "test")
    )
    message = genuine_error(mostly_single(settings, seed), settings, seed)
    assert "one image each" in message
    assert "by: identity" not in message
    better = int(message.partition("another seed (")[2].partition(" ")[0])
    check_genuine(mostly_single(settings, better), settings, better)
    by_image = settings.model_copy(update={"by": "image"})
    assert "set data.split.by: image" in message
    check_genuine(mostly_single(by_image, seed), by_image, seed)


def test_no_remedy_is_named_that_was_tried_in_vain():
    given_splits = [
        Found(f"{n}", f"{n // 2 if n < 8 else n}", "", split, digest=f"d{n}", split=split)
        for n, split in enumerate(["train"] * 4 + ["val"] * 4 + ["test"] * 2)
    ]
    message = genuine_error(given_splits, SplitSettings(), 0)
    assert message.endswith("; add a second image to some of them")
    few = [row._replace(split="train", given_split="") for row in given_splits[:4]]
    with pytest.raises(UserError, match=r"identities; add data$"):
        check_splits(few, SplitSettings(), 0)
    crossing = [Found(f"{n}{s}", f"{n}", "", s, digest=f"d{n}{s}", split=s) for n in range(3) for s in SPLITS]
    assert "by: identity" not in genuine_error(crossing, SplitSettings(by="image"), 0)


LISTING = Listing([Found("a/1.png", "a", ""), Found("b/1.png", "b", ""), Found("c/1.png", "c", "", "val")], [])


def listed_splits(lists: dict, listing: Listing = LISTING) -> list[str]:
    addresses = {split: f"{split}.txt" for split in lists}
    return [one.given_split for one in assign_listed_splits(listing, addresses, lists)]


def test_images_of_a_list_of_pairs_go_to_its_split():
    assert listed_splits({"test": [LabelledPair(1, "a/1", "b/1.png", 0)]}) == ["test", "test", "val"]
    assert listed_splits({}) == ["", "", "val"]


def test_a_list_may_name_images_that_were_set_aside():
    listing = Listing(LISTING.found, [SetAside("a/broken.png", "missing: no such file", 0)])
    assert listed_splits({"test": [LabelledPair(1, "a/1.png", "a/broken.png", 1)]}, listing) == ["test", "", "val"]


@pytest.mark.parametrize(
    ("lists", "key_facts"),
    [
        (
            {"val": [LabelledPair(1, "a/1.png", "b/1.png", 0)], "test": [LabelledPair(1, "a/1.png", "c/1.png", 0)]},
            ("a/1.png", "val.txt", "test.txt"),
        ),
        ({"test": [LabelledPair(1, "a/1.png", "c/1.png", 0)]}, ("c/1.png", "val", "test.txt")),
    ],
    ids=["two lists", "list and manifest"],
)
def test_an_image_belongs_to_one_split(lists, key_facts):
    with pytest.raises(UserError) as caught:
        listed_splits(lists)
    assert caught.value.code == "data-split-conflict"
    assert all(fact in caught.value.message for fact in key_facts)
