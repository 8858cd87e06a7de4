"""Images decoded together: the same pixels as alone, and None for each that cannot be decoded."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from components.image_example_gen.image_making import Decoder
from models.data import canonical_pixels
from models.data.image_formats import Normalised, normalise
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
    together = Decoder(image)([Normalised(file, "PNG", 0, 0) for file in files])
    for data, found in zip(files, together, strict=True):
        np.testing.assert_array_equal(found, canonical_pixels.decode(tf.constant(data), image))


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "P", "CMYK"])
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_that_were_not_encoded_again_are_the_same(mode, channels):
    image = ImageSettings(height=9, width=12, channels=channels)
    file = io.BytesIO()
    pixels = Image.fromarray(np.random.default_rng(1).integers(0, 256, (30, 20, 3), np.uint8))
    pixels.convert(mode).save(file, "TIFF")
    raw, png = normalise(file.getvalue(), most_raw=30 * 20 * 3), normalise(file.getvalue())
    assert (raw.channels > 0, png.channels) == (True, 0)
    assert len(raw.data) == 30 * 20 * raw.channels
    one, other = Decoder(image)([raw, png])
    np.testing.assert_array_equal(one, other)
    assert normalise(file.getvalue(), most_raw=30 * 20 * raw.channels - 1) == png


@pytest.mark.parametrize("bad", [(), (0,), (6,), (2, 3), (0, 3, 6), tuple(range(7))], ids=str)
def test_undecodable_ones_alone_are_none(bad):
    image = ImageSettings(height=9, width=12)
    files = [b"no image" if index in bad else encoded(index, "PNG") for index in range(7)]
    found = Decoder(image)([Normalised(file, "PNG", 0, 0) for file in files])
    assert tuple(index for index, one in enumerate(found) if one is None) == bad
    for data, one in zip(files, found, strict=True):
        if one is not None:
            np.testing.assert_array_equal(one, canonical_pixels.decode(tf.constant(data), image))


def test_nothing_to_decode():
    assert Decoder(ImageSettings(height=9, width=12))([]) == []
