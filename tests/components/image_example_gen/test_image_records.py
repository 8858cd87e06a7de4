"""The bytes of an image Example, and the disk space for all of them."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from components.image_example_gen.image_records import bytes_needed, check_space, image_example
from components.image_example_gen.sources.source import Found
from models.data import features
from models.data.image_formats import Normalised
from models.errors import UserError
from models.settings import ImageSettings

NAMES = st.text(max_size=200)
NUMBERS = st.integers(0, 2**40)


@given(NAMES, NAMES, NUMBERS, NUMBERS, st.integers(8, 60), st.integers(8, 60), st.sampled_from([1, 3]), st.integers(0))
def test_what_protobuf_would_write(image_id, group, length, span, height, width, channels, seed):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, rng.integers(1, 257), (height, width, channels), dtype=np.uint8)
    found = Found(image_id, "é", group, bytes=length, span=span, digest="d" * 64)
    record = image_example(found, Normalised(b"", "PNG", 70_000, 3), pixels)
    example = tf.train.Example.FromString(record)
    # The same bytes, but for the order of the keys, which is not the same in all versions of protobuf.
    assert sorted(example.SerializeToString(deterministic=True)) == sorted(record)
    feature = example.features.feature
    assert feature[features.IMAGE_ID].bytes_list.value[0].decode() == image_id
    assert feature[features.GROUP].bytes_list.value[0].decode() == group
    assert list(feature[features.SOURCE_BYTES].int64_list.value) == [length]
    assert list(feature[features.SPAN].int64_list.value) == [span]
    assert feature[features.PIXELS].bytes_list.value[0] == pixels.tobytes()
    assert feature[features.BRIGHTNESS].float_list.value[0] == pytest.approx(pixels.mean() / 255)
    assert feature[features.CONTRAST].float_list.value[0] == pytest.approx(pixels.std() / 255, abs=1e-7)


def test_disk_space(tmp_path):
    check_space(str(tmp_path / "not" / "yet" / "there"), bytes_needed(10, ImageSettings()))
    check_space("gs://bucket/x", 2**80)
    with pytest.raises(UserError, match=str(tmp_path)) as caught:
        check_space(str(tmp_path), 2**60)
    assert caught.value.code == "data-disk-space"
