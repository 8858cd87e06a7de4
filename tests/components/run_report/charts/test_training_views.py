"""The curves and the embedding map of a training, from its TensorBoard logs."""

import base64
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from components.run_report.charts import plots
from components.run_report.charts.training_logs import MOST, read_curves, read_map
from models.data.dataset import ImageTable
from models.training.tensorboard import write_projector


def write_curves(folder, **curves):
    for run, names in (("train", ("loss", "learning_rate")), ("validation", ("auc", "eer"))):
        with tf.summary.create_file_writer(str(folder / run)).as_default():
            for name in names:
                for step, value in enumerate(curves.get(name, ())):
                    tf.summary.scalar(name, value, step)


def write_embeddings(folder, identities: int, each: int):
    """Each identity in a corner of its own, its images as bright as its number."""
    who = np.repeat(np.arange(identities), each)
    pixels = np.broadcast_to(who[:, None, None, None] % 256, (len(who), 6, 6, 1)).astype(np.uint8)
    ids = {f"{row}.png".encode(): row for row in range(len(who))}
    names = tuple(f"p{number}" for number in range(identities))
    images = ImageTable(pixels, ids, who, np.zeros_like(who), np.full_like(who, -1), names)
    corners = 10 * np.eye(identities)[who]
    embeddings = corners + np.random.default_rng(0).normal(0, 0.1, corners.shape)
    write_projector(folder, images, np.arange(len(who)), embeddings.astype(np.float32))


def test_the_curves_are_read_in_the_order_of_the_epochs(tmp_path):
    write_curves(tmp_path, loss=[0.9, 0.5], learning_rate=[1, 0], auc=[0.8, 0.9], eer=[0.2, 0.1])
    curves = read_curves(tmp_path)
    assert list(curves) == ["loss", "auc", "eer"]
    assert curves["loss"] == [(1, pytest.approx(0.9)), (2, pytest.approx(0.5))]
    assert curves["eer"][1] == (2, pytest.approx(0.1))
    assert plots.training(curves).count('"name"') == 3


def test_a_training_that_wrote_nothing_has_none(tmp_path):
    assert read_curves(tmp_path) == {}
    assert read_map(tmp_path, 0) is None
    write_embeddings(tmp_path, 3, 3)
    assert read_map(tmp_path, 0) is None  # nine images are too few


def test_identities_lie_together_and_thumbnails_are_their_own(tmp_path):
    write_embeddings(tmp_path, 4, 12)
    found = read_map(tmp_path, 0)

    assert len(found.points) == len(found.names) == 48
    who = np.array(found.identities)
    between = np.linalg.norm(found.points[:, None] - found.points[None], axis=-1)
    np.fill_diagonal(between, np.inf)
    assert (who[between.argmin(axis=1)] == who).all()
    sprite = np.asarray(Image.open(io.BytesIO(base64.b64decode(found.sprite.partition(",")[2]))).convert("L"))
    for index in (0, 20, 47):
        row, column = divmod(index, found.columns)
        middle = sprite[row * found.side + 24, column * found.side + 24]
        assert middle == pytest.approx(int(found.identities[index][1:]), abs=3)


def test_a_large_split_is_thinned_out_and_the_same_seed_draws_the_same(tmp_path):
    write_embeddings(tmp_path, 70, 10)
    one, two = (read_map(tmp_path, 0) for _ in range(2))
    assert len(one.points) == MOST
    np.testing.assert_array_equal(one.points, two.points)
