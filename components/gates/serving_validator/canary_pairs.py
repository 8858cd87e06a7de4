"""The test pairs of the canary requests, and their known scores."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from components.gates.serving_validator.canary_requests import CanaryRequests
from components.storage.tfrecords import find_shards, read_records
from models.data import features
from models.verification.arrays import Floats


@dataclass(frozen=True)
class Canaries:
    """Test pairs with their scores.

    Attributes:
      pair_ids: [n].
      score: [n], of the candidate, by PairScores.
      requests: the pairs as requests.
    """

    pair_ids: list[str]
    score: Floats
    requests: CanaryRequests

    def __len__(self) -> int:
        return len(self.pair_ids)


def choose(scores: pa.Table, count: int) -> dict[str, float]:
    """The scores of ``count`` pairs by id, spread evenly over all scores from the lowest to the highest.

    The same table gives the same pairs. NaN counts as the highest.

    Raises:
      ValueError: the table is empty.
    """
    if not len(scores):
        raise ValueError("the table of scores holds no pair")
    ids, score = scores["pair_id"].to_pylist(), np.asarray(scores["score"].to_numpy(), np.float64)
    order = np.lexsort((np.asarray(ids), score))
    rows = order[np.unique(np.linspace(0, len(order) - 1, count).round().astype(int))]
    return {ids[row]: float(score[row]) for row in rows}


def read_canaries(folder: str, chosen: dict[str, float]) -> Canaries:
    """The chosen pairs out of the record files of the test split.

    Args:
      folder: of the split.
      chosen: scores by pair id.

    Raises:
      ValueError: a chosen pair is not there, so the table is not of these pairs.
    """
    import tensorflow as tf

    found: dict[str, tuple[bytes, Any]] = {}
    for shard in find_shards(folder):
        for _, record in read_records(shard):
            example = tf.train.Example.FromString(record).features.feature
            pair_id = example[features.PAIR_ID].bytes_list.value[0].decode()
            if pair_id in chosen:
                found[pair_id] = record, example
    missing = chosen.keys() - found.keys()
    if missing:
        raise ValueError(f"{folder}: no pair {min(missing)}, which the table of scores has: it is of other pairs")
    examples = [found[pair_id] for pair_id in chosen]
    a, b = ([_pixels(example, side) for _, example in examples] for side in features.SIDES)
    requests = CanaryRequests(
        examples=[record for record, _ in examples],
        image_a=[_encoded(image, "PNG") for image in a],
        image_b=[_encoded(image, "PNG") for image in b],
        jpeg=[_encoded(image, "JPEG") for image in a],
    )
    return Canaries(list(chosen), np.array(list(chosen.values())), requests)


def _pixels(example: Any, side: str) -> NDArray[np.uint8]:
    sizes = (features.HEIGHT, features.WIDTH, features.CHANNELS)
    shape = [example[features.side(size, side)].int64_list.value[0] for size in sizes]
    raw = example[features.side(features.PIXELS, side)].bytes_list.value[0]
    return np.frombuffer(raw, np.uint8).reshape(shape)


def _encoded(pixels: NDArray[np.uint8], container: str) -> bytes:
    """[height, width, 1 or 3] -> an image file: not with TensorFlow's own encoder, which would share its faults."""
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    encoded = BytesIO()
    image.save(encoded, format=container)
    return encoded.getvalue()
