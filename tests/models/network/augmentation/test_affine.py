import keras
import numpy as np
import pytest
import tensorflow as tf

from models.network.augmentation.affine import Affine
from models.network.layers import RandomDistortion
from models.settings.interfaces import Step


def bar(size: int = 21) -> np.ndarray:
    """A vertical bar from the centre upwards, clear of the border, float32 [1, size, size, 1]."""
    image = np.zeros((1, size, size, 1), np.float32)
    image[0, 4 : size // 2 + 1, size // 2 - 1 : size // 2 + 2] = 1
    return image


def middle_of_mass(image: np.ndarray) -> np.ndarray:
    """(y, x) from the centre."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(axis * image).sum() / image.sum() - (len(image) - 1) / 2 for axis in (y, x)])


def largest(images: np.ndarray, compiled: bool = False, **options) -> tf.Tensor:
    """The distorted images where each random number is the upper bound."""
    step = Step(lambda shape, low, high: keras.ops.full(shape, float(high)), compiled=compiled)
    return Affine(**options).distort(images, step)


def distorted(images: np.ndarray, seed: int = 0, **options) -> np.ndarray:
    return np.asarray(RandomDistortion(Affine(**options), seed)(images, training=True))


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2)])
def test_a_known_angle_turns_the_picture_by_it(degrees, turns):
    turned = np.asarray(largest(bar(), rotation=degrees))[0, :, :, 0]
    ways = [np.rot90(bar()[0, :, :, 0], turns), np.rot90(bar()[0, :, :, 0], -turns)]
    assert min(np.abs(turned - way).max() for way in ways) < 1e-4


def test_a_rotation_turns_about_the_centre_and_keeps_the_distance_from_it():
    before = middle_of_mass(bar()[0, :, :, 0])
    after = middle_of_mass(np.asarray(largest(bar(), rotation=30))[0, :, :, 0])
    assert np.linalg.norm(after) == pytest.approx(np.linalg.norm(before), rel=0.02)
    cosine = before @ after / np.linalg.norm(before) / np.linalg.norm(after)
    assert np.degrees(np.arccos(cosine)) == pytest.approx(30, abs=1)


def test_angles_lie_on_both_sides_and_within_the_bound():
    images = np.repeat(bar(), 200, axis=0)
    turned = distorted(images, rotation=40, seed=1)[..., 0]
    y, x = np.array([middle_of_mass(image) for image in turned]).T
    angles = np.degrees(np.arctan2(x, -y))
    assert angles.min() == pytest.approx(-40, abs=3)
    assert angles.max() == pytest.approx(40, abs=3)


def test_a_larger_scale_enlarges():
    larger = np.asarray(largest(bar(), scale=0.5))[0, :, :, 0]
    assert larger.sum() == pytest.approx(1.5**2 * bar().sum(), rel=0.1)


def test_a_crop_shows_only_what_was_there_larger():
    gradient = np.broadcast_to(np.arange(32, dtype=np.float32)[None, None, :, None], (50, 32, 32, 1))
    cropped = distorted(gradient, crop=0.5, seed=2)
    width = cropped[..., -1, 0] - cropped[..., 0, 0]
    assert cropped.min() >= 0
    assert cropped.max() <= 31
    assert width.min() == pytest.approx(15.5, abs=1)
    assert width.max() == pytest.approx(31, abs=1.5)


def test_an_image_of_one_colour_stays_so():
    grey = np.full((4, 15, 11, 3), 0.37, np.float32)
    moved = distorted(grey, rotation=180, scale=0.5, crop=0.5)
    np.testing.assert_allclose(moved, grey, atol=1e-5)


def test_a_shear_leans_upright_lines_by_its_angle_and_keeps_level_ones():
    leant = np.asarray(largest(bar(41), shear=30))[0, :, :, 0]
    y, x = middle_of_mass(leant)
    assert abs(np.degrees(np.arctan2(x, -y))) == pytest.approx(30, abs=1)
    assert y == pytest.approx(middle_of_mass(bar(41)[0, :, :, 0])[0], abs=0.1)


def test_a_translation_moves_by_its_share_of_each_side():
    before = middle_of_mass(bar(20)[0, :, :, 0])
    after = middle_of_mass(np.asarray(largest(bar(20), translation=0.1))[0, :, :, 0])
    np.testing.assert_allclose(np.abs(after - before), 1.9, atol=1e-3)  # a tenth of 19 steps between pixels


def test_translations_go_all_ways():
    images = np.repeat(bar(), 200, axis=0)
    moved = distorted(images, translation=0.1)[..., 0]
    moved = np.array([middle_of_mass(image) for image in moved])
    moved -= middle_of_mass(bar()[0, :, :, 0])
    np.testing.assert_allclose(moved.max(axis=0), 2, atol=0.2)
    np.testing.assert_allclose(moved.min(axis=0), -2, atol=0.2)


def test_a_mirror_shows_half_of_the_images_left_for_right():
    image = np.random.default_rng(3).uniform(size=(1, 9, 12, 3)).astype(np.float32)
    seen = distorted(np.repeat(image, 200, axis=0), mirror=True, seed=1)
    mirrored = np.abs(seen - image[:, :, ::-1]).max(axis=(1, 2, 3)) < 1e-4
    straight = np.abs(seen - image).max(axis=(1, 2, 3)) < 1e-4
    assert (mirrored ^ straight).all()
    assert mirrored.sum() == pytest.approx(100, abs=25)


def test_compiled_by_xla_it_does_the_same():
    """With the same draws, that is: XLA has random numbers of its own."""
    all_of_it = {"rotation": 30, "scale": 0.2, "crop": 0.2, "shear": 10, "translation": 0.1}
    images = np.random.default_rng(0).uniform(size=(20, 14, 17, 3)).astype(np.float32)
    compiled = tf.function(lambda x: largest(x, compiled=True, **all_of_it), jit_compile=True)(images)
    np.testing.assert_allclose(compiled, largest(images, **all_of_it), atol=1e-3)
    assert not np.allclose(compiled, images, atol=0.1)
