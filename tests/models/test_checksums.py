"""Checksums within a SavedModel; those of artifacts are tested beside ``components.storage.artifact_checksums``."""

import os
import subprocess
import sys

import pytest

from models.checksums import MODEL_FILE, model_damage, write_checksums

FILES = ("saved_model.pb", "variables/variables.data", "assets.extra/siamese.json")


@pytest.fixture
def model(tmp_path):
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode() * 50)
    write_checksums(tmp_path, tmp_path / MODEL_FILE)
    return tmp_path


@pytest.mark.parametrize("name", [*FILES, str(MODEL_FILE)])
def test_one_bit_of_any_file_of_a_model_counts(model, name):
    assert model_damage(model) is None
    content = bytearray((model / name).read_bytes())
    content[len(content) // 2] ^= 4
    (model / name).write_bytes(content)
    assert f"/{name}: " in model_damage(model)


def test_every_bit_of_the_checksums_counts_and_they_are_named(model):
    path = model / MODEL_FILE
    content = path.read_bytes()
    for bit in range(len(content) * 8):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        assert model_damage(model) == f"{path}: is damaged", (bit, bytes(flipped))
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert model_damage(model) == f"{path}: is damaged"
    path.write_bytes(content)
    assert model_damage(model) is None


@pytest.mark.parametrize(
    "content", ["{}", "[]", "null", '{"files": {}}', '{"files": {"a": {"name": "a"}}}', '{"a": {}}']
)
def test_another_content_of_the_checksums_is_damage(model, content):
    (model / MODEL_FILE).write_text(content)
    assert model_damage(model) == f"{model / MODEL_FILE}: is damaged"


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_cut_short_or_gone_is_named(model, name):
    os.truncate(model / name, 3)
    assert f"{name}: has 3 bytes" in model_damage(model)
    (model / name).unlink()
    assert f"{name}: is missing" in model_damage(model)


def test_files_that_are_added_are_no_damage_and_older_models_have_no_checksums(model):
    (model / "assets.extra" / "model_card.md").write_text("added by the push")
    assert model_damage(model) is None
    (model / MODEL_FILE).unlink()
    assert model_damage(model) is None


def test_checksums_need_no_tensorflow():
    code = "import sys, models.checksums; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
