"""Canonical pixels: sizes, channels, padding, and that nothing is touched that fits already."""

import io

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from models.data import canonical_pixels
from models.settings import ImageSettings

RNG = np.random.default_rng(0)


def png(array: np.ndarray, mode: str | None = None) -> tf.Tensor:
    file = io.BytesIO()
    Image.fromarray(array, mode).save(file, "PNG")
    return tf.constant(file.getvalue())


def in_graph(function, image: ImageSettings, spec: tf.TensorSpec):
    return tf.function(lambda given: function(given, image), input_signature=[spec])


@pytest.mark.parametrize("channels", [1, 3])
def test_matching_size_is_left_alone(channels):
    array = RNG.integers(0, 256, (12, 10, channels), dtype=np.uint8)
    image = ImageSettings(height=12, width=10, channels=channels)
    encoded = png(array[:, :, 0] if channels == 1 else array)
    np.testing.assert_array_equal(canonical_pixels.decode(encoded, image), array)
    np.testing.assert_array_equal(canonical_pixels.resize(tf.constant(array), image), array)


@pytest.mark.parametrize("fit", ["stretch", "pad"])
def test_eager_graph_and_unknown_shapes_agree(fit):
    array = RNG.integers(0, 256, (31, 17, 3), dtype=np.uint8)
    image = ImageSettings(height=20, width=24, channels=1, fit=fit)
    expected = canonical_pixels.decode(png(array), image).numpy()
    decode = in_graph(canonical_pixels.decode, image, tf.TensorSpec([], tf.string))
    resize = in_graph(canonical_pixels.resize, image, tf.TensorSpec(None, tf.uint8))
    np.testing.assert_array_equal(decode(png(array)), expected)
    np.testing.assert_array_equal(resize(tf.constant(array)), expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_binarised_pixels_are_black_and_white_and_stay_as_they_are(channels):
    colours = RNG.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    grey = canonical_pixels.decode(png(colours), ImageSettings(height=12, width=12, channels=1)).numpy()
    black_and_white = np.where(grey >= 200, 255, 0).astype(np.uint8)
    same_size = ImageSettings(height=12, width=12, channels=channels, binarise=200)
    decoded = canonical_pixels.decode(png(colours), same_size)
    np.testing.assert_array_equal(decoded, np.repeat(black_and_white, channels, axis=2))
    for fit in ("stretch", "pad"):
        image = ImageSettings(height=8, width=10, channels=channels, fit=fit, pad_value=255, binarise=200)
        plain = ImageSettings(height=8, width=10, channels=1, fit=fit, pad_value=255)
        made = canonical_pixels.decode(png(colours), image).numpy()
        sampled = canonical_pixels.decode(png(black_and_white[:, :, 0]), plain).numpy()
        np.testing.assert_array_equal(made, np.repeat(np.where(sampled >= 200, 255, 0), channels, axis=2))
        again = png(made if channels == 3 else made[:, :, 0])
        np.testing.assert_array_equal(
            canonical_pixels.decode(again, image), made, "what is asked of a server in canonical pixels"
        )
        np.testing.assert_array_equal(
            in_graph(canonical_pixels.resize, image, tf.TensorSpec(None, tf.uint8))(made), made
        )


def test_all_greys_survive_both_conversions():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    colour = ImageSettings(height=16, width=16, channels=3)
    grey = ImageSettings(height=16, width=16, channels=1)
    rgb = canonical_pixels.decode(png(ramp), colour)
    np.testing.assert_array_equal(rgb, np.repeat(ramp[:, :, None], 3, axis=2))
    np.testing.assert_array_equal(canonical_pixels.decode(png(rgb.numpy()), grey)[:, :, 0], ramp)


def test_grey_is_luma_rounded_to_the_nearest():
    colours = RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    grey = canonical_pixels.decode(png(colours), ImageSettings(height=8, width=8, channels=1))
    exact = colours @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(grey[:, :, 0], exact, atol=0.5001)


def test_reduction_is_antialiased():
    lines = np.zeros((96, 96), np.uint8)
    lines[:, ::2] = 255  # finer than the result can show: must become an even grey, not stripes
    small = canonical_pixels.decode(png(lines), ImageSettings(height=16, width=16)).numpy()
    assert np.ptp(small[:, 2:-2].astype(int)) <= 2
    assert abs(float(small.mean()) - 127.5) < 2


def test_pad_keeps_the_aspect_ratio_in_the_middle():
    array = np.full((20, 40), 200, np.uint8)
    image = ImageSettings(height=32, width=32, channels=3, fit="pad", pad_value=7)
    padded = canonical_pixels.decode(png(array), image).numpy()
    assert (padded[8:24] == 200).all()
    assert (padded[:8] == 7).all()
    assert (padded[24:] == 7).all()


def drawing(height: int, width: int, box: tuple[slice, slice], ink: int = 20, paper: int = 240) -> np.ndarray:
    array = np.full((height, width), paper, np.uint8)
    array[box] = ink
    return array


@pytest.mark.parametrize("ink", [20, 120])
def test_trimmed_is_the_foreground_and_a_margin_of_its_background(ink):
    image = ImageSettings(height=24, width=24, trim=100)
    small = drawing(90, 70, np.s_[12:32, 50:70], ink)  # touches the edge: there is paper beyond it all the same
    expected = np.full((24, 24), 240, np.uint8)
    expected[2:22, 2:22] = ink
    np.testing.assert_array_equal(canonical_pixels.decode(png(small), image)[:, :, 0], expected)
    faint = small.copy()
    faint[60:, :40] = 150  # a shadow on the paper
    np.testing.assert_array_equal(canonical_pixels.decode(png(faint), image)[:, :, 0], expected)
    decode = in_graph(canonical_pixels.decode, image, tf.TensorSpec([], tf.string))
    np.testing.assert_array_equal(decode(png(small))[:, :, 0], expected)


def test_trimmed_to_any_shape():
    line = drawing(90, 70, np.s_[40:50, 10:50])  # 40 wide and 10 high, 48 and 18 with its margin
    kept = ImageSettings(height=48, width=48, fit="pad", pad_value=7, trim=50)  # padded with its own paper
    padded = canonical_pixels.decode(png(line), kept).numpy()[:, :, 0]
    np.testing.assert_array_equal(padded, drawing(48, 48, np.s_[19:29, 4:44]))
    stretched = canonical_pixels.decode(png(line), ImageSettings(height=18, width=48, trim=50)).numpy()[:, :, 0]
    np.testing.assert_array_equal(stretched, drawing(18, 48, np.s_[4:14, 4:44]))


def test_trimmed_by_any_channel():
    array = np.full((60, 60, 3), (90, 200, 30), np.uint8)
    array[30:40, 5:15] = (90, 200, 130)
    made = canonical_pixels.decode(png(array), ImageSettings(height=12, width=12, channels=3, trim=60)).numpy()
    assert (made[1:11, 1:11] == (90, 200, 130)).all()
    assert (made[0] == (90, 200, 30)).all()


def test_binarised_before_it_is_trimmed():
    scan = drawing(50, 50, np.s_[10:20, 10:20], ink=20, paper=230)
    scan[40:] = 190  # a shadow that differs by 40 levels, and is as white as the paper
    made = canonical_pixels.decode(png(scan), ImageSettings(height=12, width=12, binarise=128, trim=30)).numpy()[
        :, :, 0
    ]
    np.testing.assert_array_equal(made, drawing(12, 12, np.s_[1:11, 1:11], ink=0, paper=255))


def test_what_shows_nothing_or_has_the_size_is_not_trimmed():
    blank = drawing(40, 40, np.s_[5:6, 5:6], ink=230)
    made = canonical_pixels.decode(png(blank), ImageSettings(height=20, width=20, trim=20)).numpy()
    plain = canonical_pixels.decode(png(blank), ImageSettings(height=20, width=20)).numpy()
    np.testing.assert_array_equal(made, plain)
    small = drawing(20, 20, np.s_[12:16, 3:9])
    for image in (ImageSettings(height=20, width=20, trim=20), ImageSettings(height=20, width=20, trim=20, fit="pad")):
        np.testing.assert_array_equal(canonical_pixels.decode(png(small), image)[:, :, 0], small)
        again = canonical_pixels.decode(png(drawing(90, 80, np.s_[12:61, 3:9])), image).numpy()
        np.testing.assert_array_equal(
            canonical_pixels.decode(png(again[:, :, 0]), image), again, "canonical pixels stay"
        )


def test_alpha_is_composited_on_white_as_in_image_formats():
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[:, :4, 3] = 255
    opaque = canonical_pixels.decode(png(rgba), ImageSettings(height=8, width=8, channels=3)).numpy()
    assert (opaque[:, :4] == 0).all()
    assert (opaque[:, 4:] == 255).all()
    grey = canonical_pixels.decode(png(rgba[:, :, 2:], "LA"), ImageSettings(height=8, width=8)).numpy()
    np.testing.assert_array_equal(grey, opaque[:, :, :1])


def test_the_formats_of_raw_serving_decode():
    array = RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    image = ImageSettings(height=8, width=8, channels=3)
    for container in ("BMP", "PNG"):
        file = io.BytesIO()
        Image.fromarray(array).save(file, container)
        np.testing.assert_array_equal(canonical_pixels.decode(tf.constant(file.getvalue()), image), array)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from(["stretch", "pad"]), st.integers(0, 255))
def test_a_plain_colour_stays_plain_at_any_size(height, width, fit, value):
    image = ImageSettings(height=24, width=16, channels=1, fit=fit, pad_value=value)
    resized = canonical_pixels.resize(tf.fill([height, width, 1], tf.constant(value, tf.uint8)), image)
    assert resized.shape == (24, 16, 1)
    assert (resized.numpy() == value).all()


def test_the_digest_depends_on_the_shape():
    flat = np.zeros(12, np.uint8)
    assert canonical_pixels.digest(flat.reshape(3, 4, 1)) != canonical_pixels.digest(flat.reshape(4, 3, 1))
    assert canonical_pixels.digest(flat.reshape(3, 4, 1)) == canonical_pixels.digest(
        np.zeros((3, 8, 1), np.uint8)[:, ::2]
    )
