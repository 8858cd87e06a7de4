import numpy as np
import pytest

from models.network.augmentation.erasing import Erasing
from models.network.layers import RandomDistortion


def erased(area: float = 0.3, count: int = 400) -> np.ndarray:
    """Where, bool [count, 40, 60]."""
    layer = RandomDistortion(Erasing(erasing=area), seed=4)
    seen = np.asarray(layer(np.ones((count, 40, 60, 2), np.float32), training=True))
    assert set(np.unique(seen)) == {0.0, 1.0}
    assert (seen[..., 0] == seen[..., 1]).all()
    return seen[..., 0] == 0


def test_half_of_the_images_lose_a_rectangle_of_at_most_the_area():
    gone = erased()
    share = gone.mean(axis=(1, 2))
    assert (share > 0).mean() == pytest.approx(0.5, abs=0.08)
    assert share.max() == pytest.approx(0.3, abs=0.02)
    assert share[share > 0].min() == pytest.approx(0.02, abs=0.02)
    for one in gone[share > 0]:
        rows, columns = one.any(axis=1), one.any(axis=0)
        assert one.sum() == rows.sum() * columns.sum()  # a rectangle
        assert 0.25 < (rows.sum() / 40) / (columns.sum() / 60) < 4


def test_every_pixel_is_hidden_now_and_then():
    often = erased(count=2000).mean(axis=0)
    assert often[3:-3, 3:-3].min() > 0
    assert often[20, 30] > often[0, 0]
