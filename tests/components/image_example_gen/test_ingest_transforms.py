"""Images decoded together: the same pixels as alone, and None for each that cannot be decoded."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from components.image_example_gen.transforms import Decoder
from models.data import canonical_pixels
from models.settings import ImageSettings


def encoded(seed: int, kind: str) -> bytes:
    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in rng.integers(1, 60, 2))
    shape = (height, width, 3) if seed % 2 else (height, width)
    file = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    "image",
    [ImageSettings(height=9, width=12), ImageSettings(height=20, width=9, channels=3, fit="pad", binarise=90, trim=9)],
    ids=["grey", "padded"],
)
def test_together_as_alone(image):
    files = [encoded(seed, kind) for seed in range(6) for kind in ("PNG", "JPEG")]
    together = Decoder(image)(files)
    for data, found in zip(files, together, strict=True):
        np.testing.assert_array_equal(found, canonical_pixels.decode(tf.constant(data), image))


@pytest.mark.parametrize("bad", [(), (0,), (6,), (2, 3), (0, 3, 6), tuple(range(7))], ids=str)
def test_undecodable_ones_alone_are_none(bad):
    image = ImageSettings(height=9, width=12)
    files = [b"no image" if index in bad else encoded(index, "PNG") for index in range(7)]
    found = Decoder(image)(files)
    assert tuple(index for index, one in enumerate(found) if one is None) == bad
    for data, one in zip(files, found, strict=True):
        if one is not None:
            np.testing.assert_array_equal(one, canonical_pixels.decode(tf.constant(data), image))


def test_nothing_to_decode():
    assert Decoder(ImageSettings(height=9, width=12))([]) == []
