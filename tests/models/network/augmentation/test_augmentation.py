from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.network.augmentation import AUGMENTATIONS, build_augmentation
from models.network.augmentation.affine import Affine
from models.network.augmentation.elastic import Elastic
from models.network.augmentation.erasing import Erasing
from models.network.augmentation.photometric import Photometric
from models.network.layers import RandomDistortion
from models.settings import AugmentationSettings, EncoderSettings
from models.settings.interfaces import PixelRange

STRONG = {
    "affine": Affine(rotation=30, scale=0.2, crop=0.2, shear=10, translation=0.1, mirror=True),
    "elastic": Elastic(elastic=0.1),
    "photometric": Photometric(brightness=0.5, contrast=0.3),
    "erasing": Erasing(erasing=0.3),
}


def layer_of(name: str, **options) -> RandomDistortion:
    return RandomDistortion(STRONG[name], **{"seed": 0, "pixels": PixelRange(0.5, 1.0, (0.0, 1.0)), **options})


every_layer = pytest.mark.parametrize("make", [partial(layer_of, name) for name in AUGMENTATIONS], ids=AUGMENTATIONS)


def noise(count: int = 6, size: int = 16) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.1, 1, size=(count, size, size, 1)).astype(np.float32)


@every_layer
def test_nothing_happens_but_in_training(make):
    layer = make()
    np.testing.assert_array_equal(layer(noise()), noise())
    np.testing.assert_array_equal(layer(noise(), training=False), noise())
    assert not np.allclose(layer(noise(), training=True), noise())


@every_layer
def test_every_image_and_every_step_is_distorted_differently(make):
    layer = make()
    same = np.repeat(noise(1), 12, axis=0)
    first, second = (np.asarray(layer(same, training=True)) for _ in range(2))
    assert len({one.tobytes() for one in [*first, *second]}) > 10  # every second may be left as it is


@every_layer
def test_the_same_seed_distorts_alike(make):
    one, again, other = (make(seed=seed)(noise(), training=True) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other)


@every_layer
def test_half_precision_stays_half_precision(make):
    seen = make(dtype="mixed_float16")(noise().astype("float16"), training=True)
    assert keras.backend.standardize_dtype(seen.dtype) == "float16"


@every_layer
def test_every_layer_runs_in_a_graph_on_images_of_any_number(make):
    model = keras.Sequential([keras.Input((16, 16, 1)), make(seed=2)])
    assert model.output_shape == (None, 16, 16, 1)
    eager = make(seed=2)(noise(), training=True)
    traced = tf.function(lambda x: model(x, training=True), input_signature=[tf.TensorSpec((None, 16, 16, 1))])
    np.testing.assert_allclose(traced(noise()), eager, atol=1e-5)


@every_layer
def test_compiled_by_xla_every_layer_does_the_same(make, monkeypatch):
    """With the same draws, that is: XLA has random numbers of its own."""

    def drawn(shape, low=0.0, high=1.0, **_):
        return tf.constant(np.random.default_rng(sum(shape)).uniform(low, high, shape), tf.float32)

    monkeypatch.setattr(keras.random, "uniform", drawn)
    layer = make(compiled=True)
    compiled = tf.function(lambda x: layer(x, training=True), jit_compile=True)(noise())
    np.testing.assert_allclose(compiled, make()(noise(), training=True), atol=1e-3)
    assert not np.allclose(compiled, noise(), atol=0.1)


def test_what_is_switched_off_does_nothing():
    np.testing.assert_array_equal(build_augmentation(AugmentationSettings(), 0)(noise(), training=True), noise())
    (layer,) = build_augmentation(AugmentationSettings(crop=0.1), 7).layers
    assert (layer.augmentation, layer.seed) == (Affine(crop=0.1), 7 + Affine.order)


@pytest.mark.parametrize(
    ("one", "name"),
    [
        *((field, "affine") for field in ("rotation", "scale", "crop", "shear", "translation")),
        *[("elastic", "elastic"), ("brightness", "photometric"), ("contrast", "photometric"), ("erasing", "erasing")],
    ],
)
def test_each_setting_switches_its_own_layer_on(one, name):
    network = build_augmentation(AugmentationSettings(**{one: 0.1}), 0)
    assert [layer.name for layer in network.layers] == [name]
    assert not np.allclose(network(noise(), training=True), noise())


def test_switching_one_on_leaves_what_the_others_draw():
    alone = build_augmentation(AugmentationSettings(rotation=20), 3).layers[0]
    beside = build_augmentation(AugmentationSettings(rotation=20, elastic=0.1, erasing=0.1), 3).get_layer("affine")
    np.testing.assert_array_equal(alone(noise(), training=True), beside(noise(), training=True))


OF_BACKBONES = EncoderSettings(name="backbone").chosen.pixel_range


def test_a_setting_means_the_same_of_normalised_pixels_and_of_a_backbones():
    given = AugmentationSettings(brightness=0.3, contrast=0.2, erasing=0.3, rotation=10)
    pixels = np.random.default_rng(0).uniform(0.3, 0.7, size=(40, 16, 16, 3)).astype(np.float32)  # far from the ends
    normalised = build_augmentation(given, 5)((pixels - 0.5) / 0.25, training=True)
    plain = build_augmentation(given, 5, pixels=OF_BACKBONES)(pixels, training=True)
    np.testing.assert_allclose((np.asarray(plain) - 0.5) / 0.25, normalised, atol=1e-4)


def test_a_backbones_pixels_stay_between_black_and_white_and_what_is_hidden_is_grey():
    layers = build_augmentation(AugmentationSettings(preset="products", brightness=2), 5, pixels=OF_BACKBONES)
    pixels = np.random.default_rng(0).uniform(size=(200, 16, 16, 3)).astype(np.float32)
    seen = np.asarray(layers(pixels, training=True))
    assert (seen.min(), seen.max()) == (0, 1)
    assert (seen == 0.5).all(axis=3).any(axis=(1, 2)).mean() > 0.3
    brighter = build_augmentation(AugmentationSettings(brightness=0.3), 5, pixels=PixelRange(0.5, 0.25))
    shifted = brighter(pixels, training=True) - pixels
    assert np.abs(shifted).max() == pytest.approx(0.075, abs=0.003)  # 19 grey levels


def test_normalised_pixels_have_no_ends():
    assert EncoderSettings(name="compact").chosen.pixel_range == PixelRange(mean=0, deviation=1, ends=None)
    layer = build_augmentation(AugmentationSettings(brightness=0.3), 0).get_layer("photometric")
    assert layer.step.pixels.ends is None
