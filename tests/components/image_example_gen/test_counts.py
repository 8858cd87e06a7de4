"""The figures add up, and too many unusable images stop the run."""

import json

import pytest

from components.image_example_gen.counts import as_csv, check_quarantined, count, quarantine
from components.image_example_gen.rows import Row
from components.image_example_gen.sources.source import SetAside
from models.errors import UserError

GOOD = [Row(f"{identity}/1.png", identity, "", bytes=9, split="train", digest=identity) for identity in "abcdefgh"]
BROKEN = [Row(f"z/{n}.png", "z", "", bytes=7, reason=f"too many pixels: {n}x9 > 5") for n in range(2)]
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
    json.dumps(counts)


def test_only_unusable_images_count_towards_the_limit():
    counts, _ = figures()
    check_quarantined(counts, "data", limit=3 / 11)
    with pytest.raises(UserError) as caught:
        check_quarantined(counts, "data", limit=0.1, hint="; a hint")
    assert caught.value.code == "data-too-many-unusable"
    assert caught.value.message.startswith("data: 3 of 11 images are unusable")
    assert caught.value.message.endswith("too many pixels (2), misplaced (1); a hint")


def test_csv_quotes_what_needs_it():
    assert as_csv([SetAside('a,"b"\n.png', "truncated", 5)]) == 'path,reason,bytes\n"a,""b""\n.png",truncated,5\n'


def test_rows_survive_json():
    row = Row("日本\n\u2028.png", "é", "", chunk=1, split="val", digest="d", bytes=3)
    assert "\n" not in row.to_json()
    assert Row.from_json(row.to_json()) == row
