import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from tiny_model import CALIBRATION, GREY, patterns, png

from models.checksums import MODEL_FILE, write_checksums
from models.errors import UserError
from models.export.inference import LoadedModel, read_image


@pytest.fixture(scope="module")
def model(exported) -> LoadedModel:
    return LoadedModel(exported.path)


@pytest.fixture
def images(tmp_path):
    """Six PNG files of the model's own size."""
    paths = [tmp_path / f"{number}.png" for number in range(6)]
    for path, pixels in zip(paths, patterns(6, GREY, seed=1), strict=True):
        path.write_bytes(png(pixels))
    return paths


def test_two_files_are_compared(model, images):
    itself, other = model.compare(images[0], images[0]), model.compare(images[0], images[1])
    assert itself.same
    assert itself.distance == pytest.approx(0, abs=2e-3)
    assert itself.score > other.score
    for result in (itself, other):
        assert result.threshold == CALIBRATION.threshold
        assert result.same == (result.score > 0.5) == (result.distance < result.threshold)
        assert result.score == pytest.approx(float(CALIBRATION.score(np.array(result.distance))), abs=1e-5)
        assert [type(value) for value in result] == [float, float, bool, float]


def test_unusual_image_formats_are_compared_by_their_pixels(model, images, tmp_path):
    pixels = patterns(6, GREY, seed=1)[0, :, :, 0]
    for name, mode in [("p.gif", "L"), ("a.png", "LA"), ("t.tiff", "L"), ("w.bmp", "RGB")]:
        Image.fromarray(pixels).convert(mode).save(tmp_path / name)
        assert model.compare(tmp_path / name, images[0]).distance == pytest.approx(0, abs=2e-3), name


def test_scores_of_embeddings_are_those_of_their_images(model, images):
    counts = []
    embeddings = model.embed((read_image(path) for path in images), counts.append)
    assert embeddings.shape == (6, 5)
    assert sum(counts) == 6
    distance, score = model.score_embeddings(embeddings[:3], embeddings[3:])
    compared = [model.compare(a, b) for a, b in zip(images[:3], images[3:], strict=True)]
    np.testing.assert_allclose(distance, [one.distance for one in compared], atol=1e-5)
    np.testing.assert_allclose(score, [one.score for one in compared], atol=1e-5)


def test_more_images_than_a_batch_keep_their_order(model):
    encoded = [png(pixels) for pixels in patterns(150, GREY, seed=2)]
    counts = []
    together = model.embed(iter(encoded), counts.append)
    assert counts == [64, 64, 22]
    np.testing.assert_allclose(together[[0, 64, 149]], model.embed([encoded[n] for n in (0, 64, 149)]), atol=1e-5)


def test_no_images_are_no_embeddings(model):
    assert model.embed([]).shape == (0, 5)


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(UserError) as error:
        LoadedModel(tmp_path)
    assert error.value.code == "model-not-ours"


def test_a_model_without_its_graph_is_refused(exported, tmp_path):
    (tmp_path / "assets.extra").mkdir()
    name = "assets.extra/siamese.json"
    (tmp_path / name).write_bytes((exported.path / name).read_bytes())
    with pytest.raises(UserError, match=f"{tmp_path}: [^\n]+$") as error:
        LoadedModel(tmp_path)
    assert error.value.code == "model-damaged"


def test_a_model_with_a_flipped_bit_is_refused_by_the_name_of_its_file(exported, tmp_path):
    shutil.copytree(exported.path, tmp_path / "model")
    write_checksums(tmp_path / "model", tmp_path / "model" / MODEL_FILE)
    assert LoadedModel(tmp_path / "model").signatures
    graph = tmp_path / "model" / "saved_model.pb"
    content = bytearray(graph.read_bytes())
    content[len(content) // 3] ^= 1
    graph.write_bytes(content)
    with pytest.raises(UserError, match=r"saved_model\.pb: has changed") as error:
        LoadedModel(tmp_path / "model")
    assert error.value.code == "model-damaged"


def test_a_truncated_image_is_named(model, images):
    images[1].write_bytes(images[1].read_bytes()[:60])
    with pytest.raises(UserError, match=r"1\.png: truncated") as error:
        model.compare(images[0], images[1])
    assert error.value.code == "data-unreadable-image"


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No such file"), (b"", "empty file"), (b"not an image", "not an image of an allowed format")],
)
def test_an_unreadable_file_is_named(tmp_path, content, message):
    if content is not None:
        (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(UserError, match=rf"x\.png: {message}"):
        read_image(tmp_path / "x.png")


FRESH = """
import json, sys
from pathlib import Path
from models.export.inference import LoadedModel, read_image
model, a, b = LoadedModel(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3])
compared = model.compare(a, b)
embeddings = model.embed([read_image(a), read_image(b)])
without_keras = "keras" not in sys.modules
distance, score = model.score_embeddings(embeddings[:1], embeddings[1:])
print(json.dumps([without_keras, compared.distance, compared.score, float(distance[0]), float(score[0])]))
"""


def test_a_fresh_process_compares_without_keras_and_evaluates_with_it(exported, images):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FRESH, *map(str, (exported.path, *images[:2]))],
        check=True,
        capture_output=True,
        text=True,
    )
    without_keras, *values = json.loads(done.stdout.splitlines()[-1])
    assert without_keras
    assert values[2:] == pytest.approx(values[:2], abs=1e-5)
