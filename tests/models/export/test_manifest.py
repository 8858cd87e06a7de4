import json
import sys
from subprocess import run

import pytest

from models.errors import UserError
from models.export.manifest import FILE, CalibrationReport, ModelManifest
from models.settings import ImageSettings


@pytest.fixture
def manifest() -> ModelManifest:
    return ModelManifest(
        model_digest="abc",
        image=ImageSettings(height=12, width=10, channels=3, fit="pad", pad_value=7),
        distance="cosine",
        threshold=0.1234567890123456,
        slope=3.5,
        calibration=CalibrationReport(objective="target_far", value=0.01, validation={"far": 0.008, "recall": 0.9}),
        embedding=5,
        split={"by": "identity", "train": 0.7, "seed": 3},
        config_digest="def",
        versions={"python": "3"},
    )


def test_what_is_written_is_read(manifest, tmp_path):
    manifest.write(tmp_path)
    assert ModelManifest.read(tmp_path) == manifest
    assert ModelManifest.read(str(tmp_path)) == manifest


def test_unknown_fields_of_later_versions_are_ignored(manifest, tmp_path):
    manifest.write(tmp_path)
    content = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps({**content, "added_later": 1}))
    assert ModelManifest.read(tmp_path) == manifest


def test_an_older_manifest_without_the_objective_can_be_read(manifest, tmp_path):
    manifest.write(tmp_path)
    content = json.loads((tmp_path / FILE).read_text())
    del content["calibration"]
    (tmp_path / FILE).write_text(json.dumps(content))
    assert ModelManifest.read(tmp_path) == manifest.model_copy(update={"calibration": None})


def test_a_folder_without_one_is_no_model(tmp_path):
    with pytest.raises(UserError) as error:
        ModelManifest.read(tmp_path)
    assert error.value.code == "model-not-ours"


@pytest.mark.parametrize(("found", "put"), [('"versions"', ""), ('"distance"', '"distances"'), ("0.123", '"a"')])
def test_a_damaged_one_is_named(manifest, tmp_path, found, put):
    manifest.write(tmp_path)
    text = (tmp_path / FILE).read_text()
    assert found in text
    (tmp_path / FILE).write_text(text.replace(found, put))
    with pytest.raises(UserError, match=r"siamese\.json") as error:
        ModelManifest.read(tmp_path)
    assert error.value.code == "model-damaged"


def test_it_is_read_without_tensorflow():
    code = "import sys, models.export.manifest; sys.exit('tensorflow' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_trainers_manifest_describes_the_model(exported):
    manifest = ModelManifest.read(exported.path)
    assert manifest.model_digest == exported.served.digest("code")
    assert (manifest.image, manifest.distance) == (exported.settings.image, "euclidean")
    assert (manifest.threshold, manifest.slope, manifest.embedding) == (0.4, 6.0, 5)
    assert manifest.calibration is not None
    assert manifest.calibration.objective == "best_accuracy"
    assert manifest.split == {"by": "image", "seed": 0}
    assert manifest.versions.keys() >= {"tfx", "tensorflow", "keras", "python"}
