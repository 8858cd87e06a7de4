"""``siamese evaluate`` says what its metrics are of."""

import json
import shutil

import numpy as np
import pytest
from tiny_model import GREY, patterns, png
from typer.testing import CliRunner

from models.data import canonical_pixels
from models.export import seen_images
from pipeline.cli.app import app
from pipeline.cli.evaluate import evaluate  # noqa: F401 - registers the command


@pytest.mark.parametrize("known", [0, 2, None])
def test_images_of_the_training_are_counted(exported, tmp_path, known):
    shutil.copytree(exported.path, tmp_path / "model")
    (tmp_path / "model" / seen_images.FILE).unlink(missing_ok=True)
    (tmp_path / "model/assets.extra/checksums.json").unlink(missing_ok=True)
    images = patterns(4, GREY, seed=7)
    for number, pixels in enumerate(images):
        (tmp_path / f"{number}.png").write_bytes(png(pixels))
    if known is not None:
        digests = [canonical_pixels.digest(one).encode() for one in images[:known]]
        seen_images.write(tmp_path / "model", np.sort(seen_images.keys_of(np.array(digests, np.object_))))
    (tmp_path / "pairs.csv").write_text("image_a,image_b,same\n0.png,1.png,1\n2.png,3.png,0\n0.png,2.png,0\n")
    arguments = ["evaluate", "--model", str(tmp_path / "model"), "--pairs", str(tmp_path / "pairs.csv")]
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout.splitlines()[-1])
    assert (answer["pairs"], answer["images"], answer["images_in_training"]) == (3, 4, known)
    warnings = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    said = {
        0: [],
        2: ["2 of 4 images were in the training of this model"],
        None: ["the model does not record its training images; whether these are among them is not known"],
    }
    assert [line.rpartition("pairs.csv: ")[2] for line in warnings] == said[known]
