"""Sources register themselves: one new module is enough to read images from somewhere else."""

import sys

import pytest

from components.image_example_gen import sources
from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.sources import source
from components.image_example_gen.sources.archive import ArchiveSource
from components.image_example_gen.sources.folder import FolderSource
from components.image_example_gen.sources.manifest import ManifestSource
from components.image_example_gen.sources.open_source import open_source
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
    monkeypatch.setattr("components.image_example_gen.sources.open_source.SOURCE_TYPES", source.SOURCE_TYPES)
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
