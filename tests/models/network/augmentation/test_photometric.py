import numpy as np
import pytest

from models.network.augmentation.photometric import Photometric
from models.network.layers import RandomDistortion


def images(count: int = 300) -> np.ndarray:
    return np.repeat(np.random.default_rng(0).normal(size=(1, 6, 5, 3)).astype(np.float32), count, axis=0)


def test_brightness_adds_one_number_to_all_pixels_of_an_image():
    added = np.asarray(RandomDistortion(Photometric(brightness=0.5), seed=0)(images(), training=True)) - images()
    assert np.ptp(added, axis=(1, 2, 3)).max() < 1e-5
    each = added.mean(axis=(1, 2, 3))
    assert each.min() == pytest.approx(-0.5, abs=0.02)
    assert each.max() == pytest.approx(0.5, abs=0.02)


def test_contrast_multiplies_deviations_and_keeps_the_mean():
    before, after = images(), np.asarray(RandomDistortion(Photometric(contrast=0.4), seed=0)(images(), training=True))
    np.testing.assert_allclose(after.mean(axis=(1, 2, 3)), before.mean(axis=(1, 2, 3)), atol=1e-5)
    factor = after.std(axis=(1, 2, 3)) / before.std(axis=(1, 2, 3))
    assert factor.min() == pytest.approx(0.6, abs=0.02)
    assert factor.max() == pytest.approx(1.4, abs=0.02)
