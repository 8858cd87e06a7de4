"""Increments: the newest ones are read, and the one before, to compare with."""

from pathlib import Path

import pytest

from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.sources.open_source import open_source
from components.image_example_gen.sources.spans import find_spans
from models.errors import UserError


@pytest.fixture(name="days")
def _days(tmp_path) -> Path:
    for day in ("0007", "0009", "0010"):
        for identity in ("ann", "bob ö"):
            path = tmp_path / f"day-{day}" / "in" / identity / f"{day}.png"
            path.parent.mkdir(parents=True)
            path.write_bytes(day.encode())
    (tmp_path / "day-11.tmp" / "in").mkdir(parents=True)
    (tmp_path / "day-x").mkdir()
    return tmp_path


def test_the_newest_increment_is_read(days):
    opened = open_source(f"{days}/day-{{SPAN}}/in", IngestSettings())
    found = opened.source.list().found
    assert [(one.image_id, one.identity, one.span, one.identity_images) for one in found] == [
        ("0010/ann/0010.png", "ann", 10, 1),
        ("0010/bob ö/0010.png", "bob ö", 10, 1),
    ]
    assert [span.number for span in opened.spans] == [10]
    assert [span.number for span in opened.previous.spans] == [9]
    with opened.source.reader() as reader:
        assert reader.read(found[0], 100) == b"0010"


def test_a_window_holds_the_same_identities_in_all_increments(days):
    opened = open_source(f"{days}/day-{{SPAN:4}}/in", IngestSettings(spans=2))
    found = opened.source.list().found
    assert [(one.image_id, one.identity_images) for one in found] == [
        ("0009/ann/0009.png", 2),
        ("0009/bob ö/0009.png", 2),
        ("0010/ann/0010.png", 2),
        ("0010/bob ö/0010.png", 2),
    ]
    assert [span.number for span in opened.previous.spans] == [7]
    with opened.source.reader() as reader:
        assert [reader.read(one, 100) for one in found] == [b"0009", b"0009", b"0010", b"0010"]
    everything = open_source(f"{days}/day-{{SPAN:4}}/in", IngestSettings(spans=9))
    assert len(everything.source.list().found) == 6
    assert everything.previous is None


def test_increments_of_manifests(days):
    for number in (1, 2):
        (days / f"list {number}.csv").write_text(
            f"path,identity,impostor_of\nday-0007/in/ann/0007.png,ann,\nday-000{9}/in/ann/0009.png,,ann\n"
        )
    opened = open_source(f"{days}/list {{SPAN}}.csv", IngestSettings(spans=2))
    identities = [one.identity for one in opened.source.list().found]
    assert identities.count("ann") == 2
    assert len(set(identities)) == 3, "each forgery is an identity of its own"


def test_the_fingerprint_knows_what_is_read_and_compared(days):
    def fingerprint() -> str:
        return open_source(f"{days}/day-{{SPAN}}/in", IngestSettings()).fingerprint()

    first = fingerprint()
    (days / "day-0007/in/ann/0007.png").write_bytes(b"beyond the window and what it is compared with")
    assert fingerprint() == first
    (days / "day-0009/in/ann/0009.png").write_bytes(b"compared with")
    second = fingerprint()
    (days / "day-11.tmp").rename(days / "day-11")
    (days / "day-11/in/ann").mkdir()
    (days / "day-11/in/ann/1.png").write_bytes(b"new")
    assert len({first, second, fingerprint()}) == 3


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        ("night-{SPAN}", "data-span-missing"),
        ("day-{SPAN:3}/in", "data-span-missing"),
        ("nowhere/{SPAN}", "data-span-missing"),
        ("{SPAN}/{SPAN}", "data-span-pattern"),
        ("day-{SPAN:x}", "data-span-pattern"),
        ("day-{SPAN}-{DATE}", "data-span-pattern"),
    ],
)
def test_a_pattern_that_finds_nothing_or_is_malformed(days, pattern, code):
    with pytest.raises(UserError) as caught:
        find_spans(f"{days}/{pattern}")
    assert caught.value.code == code
    assert caught.value.message.startswith(f"{days}/{pattern}: ")


def test_a_file_in_the_root_is_looked_for_there():
    with pytest.raises(UserError, match=r"^/no such list\.csv: ") as caught:
        open_source("/no such list.csv", IngestSettings()).source.list()
    assert caught.value.code == "data-unreadable"


def test_two_names_of_one_number_are_refused(days):
    (days / "day-7").mkdir()
    with pytest.raises(UserError, match="are both span 7") as caught:
        find_spans(f"{days}/day-{{SPAN}}")
    assert caught.value.code == "data-span-ambiguous"
