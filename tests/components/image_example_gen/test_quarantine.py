"""Which of several exact copies stay; the figures add up; too many unusable images stop the run."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.image_example_gen.quarantine import (
    check_conflicts,
    check_quarantined,
    count,
    csv_text,
    find_dropped,
    quarantine,
)
from components.image_example_gen.sources.source import Found, SetAside
from models.errors import UserError


def row(image_id: str, identity: str, digest: str, reason: str = "", split: str = "train") -> Found:
    return Found(image_id, identity, "", bytes=1, split="" if reason else split, digest=digest, reason=reason)


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


GOOD = [Found(f"{identity}/1.png", identity, "", bytes=9, split="train", digest=identity) for identity in "abcdefgh"]
BROKEN = [Found(f"z/{n}.png", "z", "", bytes=7, reason=f"too many pixels: {n}x9 > 5") for n in range(2)]
LISTED = [SetAside("a/Thumbs.db", "not an image file: .db", 3), SetAside("x.png", "misplaced: too shallow for x", 4)]
DROPPED = {"a/1.png": "exact duplicate of a/0.png", "b/1.png": "label conflict: also under c"}


def figures() -> tuple[dict, list[SetAside]]:
    quarantined = quarantine(GOOD + BROKEN, DROPPED, LISTED)
    return count([row for row in GOOD if row.image_id not in DROPPED], quarantined, {"train": 100}), quarantined


def test_figures_add_up():
    counts, quarantined = figures()
    kinds = ("unreadable", "misplaced", "duplicates", "conflicts", "stray")
    assert [counts[kind] for kind in kinds] == [2, 1, 1, 1, 1]
    assert counts["quarantined"] == len(quarantined) == 6
    assert counts["images_read"] == counts["images"] + 6 - 1
    assert counts["splits"]["train"] == {"images": 6, "identities": 6, "forgeries": 0, "groups": 0, "bytes": 100}
    assert counts["reasons"]["too many pixels"] == 2
    assert counts["identities_lost"] == ["a", "b", "z"]
    json.dumps(counts)


def test_only_unusable_images_count_towards_the_limit():
    counts, _ = figures()
    check_quarantined(counts, "data", limit=4 / 11)
    with pytest.raises(UserError) as caught:
        check_quarantined(counts, "data", limit=0.1, hint="; a hint")
    assert caught.value.code == "data-too-many-unusable"
    assert caught.value.message.startswith("data: 4 of 11 images are unusable")
    assert caught.value.message.endswith(
        "too many pixels (2), label conflict (1), misplaced (1); 3 identities lose all their images: a, b, z; a hint"
    )


def test_images_of_two_labels_count_towards_the_limit_and_copies_under_one_do_not():
    rows = [row(f"{identity}/{number}", identity, f"{number}") for identity in "abc" for number in range(4)]
    rows += [row(f"d/{number}", "d", "same") for number in range(8)]
    dropped = find_dropped(rows)
    counts = count([one for one in rows if one.image_id not in dropped], quarantine(rows, dropped, ()), {})
    assert (counts["conflicts"], counts["duplicates"], counts["images_read"]) == (12, 7, 20)
    check_quarantined(counts, "photos", limit=0.6)
    with pytest.raises(UserError, match=r"12 of 20 images are unusable.*: label conflict \(12\); 3 identities lose"):
        check_quarantined(counts, "photos", limit=0.59)
    check_quarantined({**counts, "conflicts": 0}, "photos", limit=0)


def test_csv_quotes_what_needs_it():
    assert (
        csv_text(("path", "reason", "bytes"), [SetAside('a,"b"\n.png', "truncated", 5)[:3]])
        == 'path,reason,bytes\n"a,""b""\n.png",truncated,5\n'
    )


def test_rows_survive_json():
    row = Found("日本\n\u2028.png", "é", "", chunk=1, split="val", digest="d", bytes=3)
    assert "\n" not in json.dumps(row)
    assert Found(*json.loads(json.dumps(row))) == row
