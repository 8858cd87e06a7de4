import numpy as np
import pytest
import tensorflow as tf
from tiny_model import COLOUR, GREY, patterns

from models.data.preprocessing import Normalisation


@pytest.mark.parametrize("image", [GREY, COLOUR], ids=["grey", "colour"])
def test_each_channel_of_the_images_it_was_fitted_on_has_mean_0_and_variance_1(transform_of, image):
    fitted = patterns(40, image)
    normalised = Normalisation(transform_of(image))(tf.constant([pixels.tobytes() for pixels in fitted])).numpy()
    assert normalised.shape == (40, 12, 10, image.channels)
    assert normalised.dtype == np.float32
    np.testing.assert_allclose(normalised.mean(axis=(0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(normalised.std(axis=(0, 1, 2)), 1, atol=1e-4)


def test_other_images_are_normalised_by_the_same_figures(transform_of):
    fitted, other = patterns(40, GREY) / 255.0, patterns(9, GREY, seed=5)
    normalised = Normalisation(transform_of(GREY))(tf.constant([pixels.tobytes() for pixels in other])).numpy()
    np.testing.assert_allclose(normalised, (other / 255.0 - fitted.mean()) / fitted.std(), atol=1e-4)
