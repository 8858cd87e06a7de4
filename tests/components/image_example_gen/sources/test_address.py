"""Sources register themselves: one new module is enough. Increments: the newest are read, and the one before."""

import sys
from pathlib import Path

import pytest

from components.image_example_gen import sources
from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.sources import source
from components.image_example_gen.sources.address import find_spans, open_source
from components.image_example_gen.sources.archive import ArchiveSource
from components.image_example_gen.sources.folder import FolderSource
from components.image_example_gen.sources.manifest import ManifestSource
from models.errors import UserError

NEW_SOURCE = '''
"""Images in a JSON file, by identity: {"ann": ["first", "second"]}."""

import json
from contextlib import nullcontext
from types import SimpleNamespace

from components.image_example_gen.sources.source import Found, Listing, digest_of, has_suffix, register_source
from components.storage.folders import read_file


@register_source("images in JSON (.json)", has_suffix(".json"))
class JsonSource:
    shareable = True

    def __init__(self, address, settings):
        self._images = {
            f"{identity}/{number}.png": text.encode()
            for identity, texts in json.loads(read_file(address)).items()
            for number, text in enumerate(texts)
        }

    def list(self):
        return Listing([Found(path, path.partition("/")[0], "") for path in self._images], [])

    def fingerprint(self):
        return digest_of(self._images.items())

    def reader(self):
        return nullcontext(SimpleNamespace(read=lambda found, limit: self._images[found.image_id]))
'''


@pytest.fixture(name="new_source")
def _new_source(tmp_path, monkeypatch):
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "images_in_json.py").write_text(NEW_SOURCE, encoding="utf-8")
    monkeypatch.setattr(source, "SOURCE_TYPES", dict(source.SOURCE_TYPES))
    monkeypatch.setattr("components.image_example_gen.sources.address.SOURCE_TYPES", source.SOURCE_TYPES)
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path / "sources")])
    yield
    sys.modules.pop(f"{sources.__name__}.images_in_json", None)


@pytest.mark.usefixtures("new_source")
def test_one_new_module_is_a_new_source(tmp_path):
    for day in ("1", "2"):
        (tmp_path / f"day {day}.json").write_text('{"ann": ["one", "two"], "bob": ["three"]}', encoding="utf-8")
    opened = open_source(str(tmp_path / "day 1.json"), IngestSettings())
    found = opened.source.list().found
    assert [one.image_id for one in found] == ["ann/0.png", "ann/1.png", "bob/0.png"]
    with opened.source.reader() as reader:
        assert reader.read(found[1], 100) == b"two"
    spans = open_source(str(tmp_path / "day {SPAN}.json"), IngestSettings(spans=2))
    assert [one.image_id for one in spans.source.list().found][:2] == ["1/ann/0.png", "1/ann/1.png"]


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("photos", FolderSource),
        ("photos.d/", FolderSource),
        ("gs://bucket/photos", FolderSource),
        ("list.CSV", ManifestSource),
        ("gs://bucket/list.jsonl", ManifestSource),
        ("photos.tar.gz", ArchiveSource),
        ("s3://bucket/photos.ZIP", ArchiveSource),
    ],
)
def test_the_address_decides_the_source(address, kind):
    assert isinstance(open_source(address, IngestSettings()).source, kind)


def test_a_missing_folder_lists_all_sources(tmp_path):
    with pytest.raises(UserError) as caught:
        open_source(str(tmp_path / "gone"), IngestSettings()).source.list()
    assert caught.value.code == "data-folder-missing"
    assert ".zip" in caught.value.message
    assert ".jsonl" in caught.value.message


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


@pytest.mark.parametrize("name", ["day-{SPAN}", "{SPAN:4}", "faces.zip", "f.tar.gz", "list.csv", "a://b", "{0}%s[1]"])
def test_a_folder_that_exists_is_read_whatever_it_is_called(tmp_path, name):
    image = tmp_path / name / "ann" / "1.png"
    image.parent.mkdir(parents=True)
    image.write_bytes(b"x")
    found = open_source(f"{tmp_path}/{name}", IngestSettings()).source.list().found
    assert [one.image_id for one in found] == ["ann/1.png"]
