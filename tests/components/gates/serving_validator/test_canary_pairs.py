import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tiny_model import COLOUR, GREY, pair_example, patterns

from components.gates.serving_validator.canary_pairs import choose, read_canaries
from components.gates.serving_validator.canary_requests import CanaryRequests
from models.data import features


def table(scores):
    return pa.table({"pair_id": [f"p{n}" for n in range(len(scores))], "score": pa.array(scores, pa.float32())})


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=60), st.integers(1, 80))
def test_they_are_spread_from_the_lowest_score_to_the_highest(scores, count):
    chosen = choose(table(scores), count)
    assert len(chosen) <= min(count, len(scores))
    assert chosen == {pair: scores[int(pair[1:])] for pair in chosen}
    if count >= len(scores):
        assert len(chosen) == len(scores)
    if count > 1:
        assert {min(chosen.values()), max(chosen.values())} == {min(scores), max(scores)}
    assert chosen == choose(table(scores), count)


def test_a_score_that_is_no_number_is_among_them():
    assert np.isnan(list(choose(table([0.5, float("nan"), 0.2, 0.9]), 2).values())).any()


def test_no_pair_is_an_error():
    with pytest.raises(ValueError, match="holds no pair"):
        choose(table([]), 5)


@pytest.mark.parametrize("image", [GREY, COLOUR], ids=["grey", "colour"])
def test_they_are_the_pixels_of_the_pairs_as_image_files(tmp_path, image):
    a, b = patterns(2, image)
    example = tf.train.Example.FromString(pair_example(a, b))
    example.features.feature[features.PAIR_ID].bytes_list.value.append("ä|b".encode())
    with tf.io.TFRecordWriter(str(tmp_path / "pairs")) as writer:
        writer.write(example.SerializeToString())

    canaries = read_canaries(str(tmp_path), {"ä|b": 0.25})

    assert canaries.pair_ids == ["ä|b"] and canaries.score.tolist() == [0.25] and len(canaries) == 1
    asked = canaries.requests
    for encoded, pixels in ((asked.image_a, a), (asked.image_b, b)):
        np.testing.assert_array_equal(tf.io.decode_png(encoded[0]).numpy(), pixels)
    assert Image.open(io.BytesIO(asked.jpeg[0])).format == "JPEG"
    assert asked.examples == [example.SerializeToString()]
    asked.write(tmp_path)
    assert CanaryRequests.read(tmp_path) == asked


def test_a_table_of_other_pairs_is_an_error(pairs):
    with pytest.raises(ValueError, match=r"no pair other\.png\|pair\.png"):
        read_canaries(str(Path(pairs.uri) / "Split-test"), {"other.png|pair.png": 0.5})
