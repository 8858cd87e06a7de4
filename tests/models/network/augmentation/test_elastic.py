import keras
import numpy as np
import pytest

from models.network.augmentation.affine import bilinear
from models.network.augmentation.elastic import Elastic, bicubic
from models.network.layers import RandomDistortion


def ramps(height: int = 30, width: int = 20) -> np.ndarray:
    """Two channels with the coordinates of a pixel: its row and its column."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([y, x], axis=-1)[None]


def test_a_point_between_pixels_is_their_mean_weighted_by_nearness():
    image = np.array([[1.0, 2.0], [3.0, 7.0]], np.float32).reshape(1, 2, 2, 1)
    rows = np.array([[[0.0, 0.5], [1.0, 0.25]]], np.float32)
    columns = np.array([[[0.5, 0.0], [1.0, 0.75]]], np.float32)
    expected = [[1.5, 2.0], [7.0, 0.75 * (0.25 * 1 + 0.75 * 2) + 0.25 * (0.25 * 3 + 0.75 * 7)]]
    np.testing.assert_allclose(np.asarray(bilinear(image, rows, columns))[0, :, :, 0], expected, rtol=1e-6)


def test_beyond_the_border_the_edge_repeats():
    rows = np.full((1, 30, 20), -5, np.float32)
    columns = np.full((1, 30, 20), 99, np.float32)
    found = np.asarray(bilinear(ramps(), rows, columns))
    assert (found[..., 0] == 0).all()
    assert (found[..., 1] == 19).all()


def test_pixels_move_smoothly_and_by_no_more_than_the_strength():
    images = np.repeat(ramps(), 20, axis=0)
    moved = np.asarray(RandomDistortion(Elastic(elastic=0.05), seed=3)(images, training=True)) - images
    assert np.abs(moved[..., 0]).max() <= 30 * 0.05 * 1.6  # bicubic goes beyond its knots, and a border stops it short
    assert np.abs(moved[..., 1]).max() <= 20 * 0.05 * 1.6
    assert np.abs(moved[..., 0]).max() > 30 * 0.05 * 0.5
    assert np.abs(np.diff(moved[..., 0], axis=1)).max() < 1 + 1e-4  # nothing is torn or folded; 1 along the border
    assert moved.std(axis=(1, 2)).min() > 0.05  # not a mere shift


def test_columns_move_with_columns():
    """A picture that only changes along its columns is bent, but no row of it is left out."""
    images = np.repeat(ramps()[..., 1:], 5, axis=0)
    moved = np.asarray(RandomDistortion(Elastic(elastic=0.05), seed=2)(images, training=True))
    assert moved.mean(axis=(0, 1, 3)) == pytest.approx(images.mean(axis=(0, 1, 3)), abs=1.2)


@pytest.mark.parametrize(("height", "width"), [(30, 20), (5, 3), (4, 64)])
def test_the_field_is_what_a_bicubic_resize_makes_of_the_knots(height, width):
    knots = np.random.default_rng(0).normal(size=(2, 4, 4, 2)).astype(np.float32)
    field = np.einsum("hi,nijc,wj->nhwc", bicubic(4, height), knots, bicubic(4, width))
    resized = keras.ops.image.resize(knots, (height, width), interpolation="bicubic")
    np.testing.assert_allclose(field, resized, atol=5e-3)  # TensorFlow rounds its weights


def test_at_a_knot_the_paper_moves_as_the_knot_does():
    np.testing.assert_array_equal(bicubic(4, 4), np.eye(4))
    np.testing.assert_allclose(bicubic(5, 7).sum(axis=1), 1, rtol=1e-6)
