"""Which of several exact copies stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.image_example_gen.conflicts import check_conflicts, find_dropped
from components.image_example_gen.rows import Row
from models.errors import UserError


def row(image_id: str, identity: str, digest: str, reason: str = "", split: str = "train") -> Row:
    return Row(image_id, identity, "", bytes=1, split="" if reason else split, digest=digest, reason=reason)


def test_the_first_copy_under_one_identity_stays():
    assert find_dropped([row("a/3", "a", "x"), row("a/1", "a", "x"), row("a/2", "a", "y")]) == {
        "a/3": "exact duplicate of a/1"
    }


def test_of_copies_that_given_splits_separate_the_test_images_are_kept():
    rows = [row("a/1", "a", "x"), row("a/2", "a", "x", split="val"), row("a/3", "a", "x", split="test")]
    assert find_dropped(rows).keys() == {"a/1", "a/2"}
    assert find_dropped(rows[:2]).keys() == {"a/1"}


def test_conflicts_stop_a_run_if_configured():
    reasons = find_dropped(
        [row(f"{who}/{n}", who, f"x{n}") for who in "ab" for n in range(4)] + [row("c/1", "c", "x9")]
    )
    check_conflicts(reasons, "photos", "drop")
    with pytest.raises(UserError, match=r"^photos: 8 images .* a/0 is also b/0; .*; and 3 more") as caught:
        check_conflicts(reasons, "photos", "stop")
    assert caught.value.code == "data-label-conflicts"
    check_conflicts({"a/3": "exact duplicate of a/1"}, "photos", "stop")


def test_all_copies_under_two_identities_go():
    rows = [row("a/1", "a", "x"), row("a/2", "a", "x"), row("b/1", "b", "x"), row("c/1", "c", "x")]
    assert find_dropped(rows) == {
        "a/1": "label conflict: also b/1 and 1 more identities",
        "a/2": "label conflict: also b/1 and 1 more identities",
        "b/1": "label conflict: also a/1 and 1 more identities",
        "c/1": "label conflict: also a/1 and 1 more identities",
    }


def test_unreadable_files_are_no_copies_of_each_other():
    assert find_dropped([row("a/1", "a", "", "truncated"), row("b/1", "b", "", "truncated")]) == {}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=30), st.randoms())
def test_what_stays_is_unique_and_does_not_depend_on_order(images, random):
    rows = [row(f"{identity}/{number}", identity, digest) for number, (identity, digest) in enumerate(images)]
    reasons = find_dropped(rows)
    kept = [kept.digest for kept in rows if kept.image_id not in reasons]
    assert len(kept) == len(set(kept))
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert find_dropped(shuffled) == reasons
