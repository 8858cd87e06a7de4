"""Which of several exact copies stay."""

from hypothesis import given
from hypothesis import strategies as st

from components.image_example_gen.conflicts import dropped
from components.image_example_gen.rows import Row


def row(image_id: str, identity: str, digest: str, reason: str = "") -> Row:
    return Row(image_id, identity, "", bytes=1, split="train", digest=digest, reason=reason)


def test_the_first_copy_under_one_identity_stays():
    assert dropped([row("a/3", "a", "x"), row("a/1", "a", "x"), row("a/2", "a", "y")]) == {
        "a/3": "exact duplicate of a/1"
    }


def test_all_copies_under_two_identities_go():
    rows = [row("a/1", "a", "x"), row("a/2", "a", "x"), row("b/1", "b", "x"), row("c/1", "c", "x")]
    assert dropped(rows) == {
        "a/1": "label conflict: also under b and 1 more",
        "a/2": "label conflict: also under b and 1 more",
        "b/1": "label conflict: also under a and 1 more",
        "c/1": "label conflict: also under a and 1 more",
    }


def test_unreadable_files_are_no_copies_of_each_other():
    assert dropped([row("a/1", "a", "", "truncated"), row("b/1", "b", "", "truncated")]) == {}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=30), st.randoms())
def test_what_stays_is_unique_and_does_not_depend_on_order(images, random):
    rows = [row(f"{identity}/{number}", identity, digest) for number, (identity, digest) in enumerate(images)]
    reasons = dropped(rows)
    kept = [kept.digest for kept in rows if kept.image_id not in reasons]
    assert len(kept) == len(set(kept))
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert dropped(shuffled) == reasons
