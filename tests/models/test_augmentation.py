import keras
import numpy as np
import pytest

from models.augmentation import RandomAffine, build_augmentation
from models.settings import AugmentationSettings


def bar(size: int = 21) -> np.ndarray:
    """A vertical bar from the centre upwards, clear of the border, float32 [1, size, size, 1]."""
    image = np.zeros((1, size, size, 1), np.float32)
    image[0, 4 : size // 2 + 1, size // 2 - 1 : size // 2 + 2] = 1
    return image


def middle_of_mass(image: np.ndarray) -> np.ndarray:
    """(y, x) from the centre."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(axis * image).sum() / image.sum() - (len(image) - 1) / 2 for axis in (y, x)])


class Fixed(RandomAffine):
    """Draws the upper bound each time."""

    def _uniform(self, count, low, high):
        return keras.ops.full((count,), float(high))


def noise(count: int = 6, size: int = 16) -> np.ndarray:
    return np.random.default_rng(0).uniform(size=(count, size, size, 1)).astype(np.float32)


@pytest.mark.parametrize("training", [False, None])
def test_nothing_happens_but_in_training(training):
    layer = RandomAffine(rotation=30, scale=0.3, crop=0.3)
    np.testing.assert_array_equal(layer(noise(), training=training or False), noise())
    assert not np.allclose(layer(noise(), training=True), noise())


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2)])
def test_a_known_angle_turns_the_picture_by_it(degrees, turns):
    turned = np.asarray(Fixed(rotation=degrees)(bar(), training=True))[0, :, :, 0]
    ways = [np.rot90(bar()[0, :, :, 0], turns), np.rot90(bar()[0, :, :, 0], -turns)]
    assert min(np.abs(turned - way).max() for way in ways) < 1e-4


def test_a_rotation_turns_about_the_centre_and_keeps_the_distance_from_it():
    before = middle_of_mass(bar()[0, :, :, 0])
    after = middle_of_mass(np.asarray(Fixed(rotation=30)(bar(), training=True))[0, :, :, 0])
    assert np.linalg.norm(after) == pytest.approx(np.linalg.norm(before), rel=0.02)
    cosine = before @ after / np.linalg.norm(before) / np.linalg.norm(after)
    assert np.degrees(np.arccos(cosine)) == pytest.approx(30, abs=1)


def test_angles_lie_on_both_sides_and_within_the_bound():
    images = np.repeat(bar(), 200, axis=0)
    turned = np.asarray(RandomAffine(rotation=40, seed=1)(images, training=True))[..., 0]
    y, x = np.array([middle_of_mass(image) for image in turned]).T
    angles = np.degrees(np.arctan2(x, -y))
    assert angles.min() == pytest.approx(-40, abs=3)
    assert angles.max() == pytest.approx(40, abs=3)


def test_a_larger_scale_enlarges():
    larger = np.asarray(Fixed(scale=0.5)(bar(), training=True))[0, :, :, 0]
    assert larger.sum() == pytest.approx(1.5**2 * bar().sum(), rel=0.1)


def test_a_crop_shows_only_what_was_there_larger():
    gradient = np.broadcast_to(np.arange(32, dtype=np.float32)[None, None, :, None], (50, 32, 32, 1))
    cropped = np.asarray(RandomAffine(crop=0.5, seed=2)(gradient, training=True))
    width = cropped[..., -1, 0] - cropped[..., 0, 0]
    assert cropped.min() >= 0
    assert cropped.max() <= 31
    assert width.min() == pytest.approx(15.5, abs=1)
    assert width.max() == pytest.approx(31, abs=1.5)


def test_an_image_of_one_colour_stays_so():
    grey = np.full((4, 15, 11, 3), 0.37, np.float32)
    moved = RandomAffine(rotation=180, scale=0.5, crop=0.5)(grey, training=True)
    np.testing.assert_allclose(moved, grey, atol=1e-5)


def test_every_image_and_every_step_is_distorted_differently():
    layer = RandomAffine(rotation=30, scale=0.2, crop=0.2)
    same = np.repeat(noise(1), 5, axis=0)
    first, second = (np.asarray(layer(same, training=True)) for _ in range(2))
    flat = [*first, *second]
    assert all(np.abs(a - b).max() > 1e-3 for i, a in enumerate(flat) for b in flat[:i])


def test_the_same_seed_distorts_alike():
    one, again, other = (RandomAffine(rotation=30, seed=seed)(noise(), training=True) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other)


def test_half_precision_stays_half_precision():
    layer = RandomAffine(rotation=10, dtype="mixed_float16")
    assert keras.backend.standardize_dtype(layer(noise().astype("float16"), training=True).dtype) == "float16"


def test_configuration_makes_the_same_layer_again():
    layer = RandomAffine(rotation=12, scale=0.2, crop=0.3, seed=9)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is RandomAffine
    assert again.get_config() == layer.get_config()
    np.testing.assert_array_equal(again(noise(), training=True), layer(noise(), training=True))


def test_what_is_switched_off_does_nothing():
    np.testing.assert_array_equal(build_augmentation(AugmentationSettings(), 0)(noise(), training=True), noise())
    (layer,) = build_augmentation(AugmentationSettings(crop=0.1), 7).layers
    assert (layer.rotation, layer.scale, layer.crop, layer.seed) == (0, 0, 0.1, 7)
