"""Image artifacts as the ingest leaves them, written with TensorFlow's own writer."""

import hashlib
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from models.data import features

Image = tuple[str, str, str]  # id, identity, group
Write = Callable[..., Path]


def image_example(image_id: str, identity: str, group: str, size: int = 4) -> tf.train.Example:
    pixels = random.Random(image_id).randbytes(size * size)
    example = tf.train.Example()
    values: dict[str, Any] = {
        features.IMAGE_ID: image_id.encode(),
        features.IDENTITY: identity.encode(),
        features.GROUP: group.encode(),
        features.IMPOSTOR_OF: b"",
        features.IMAGE_DIGEST: hashlib.sha256(pixels).hexdigest().encode(),
        features.PIXELS: pixels,
        features.HEIGHT: size,
        features.WIDTH: size,
        features.CHANNELS: 1,
        features.SOURCE_HEIGHT: size - 1,
        features.SOURCE_WIDTH: size,
        features.BRIGHTNESS: 0.5,
        features.CONTRAST: 0.3,
    }
    for key, value in values.items():
        feature = example.features.feature[key]
        lists = {bytes: feature.bytes_list, int: feature.int64_list, float: feature.float_list}
        lists[type(value)].value.append(value)
    return example


def images_of(split: str, identities: int, images: int, group_size: int = 2) -> list[Image]:
    return [
        (f"{split}/p{number:02}/{image}.png", f"{split}-p{number:02}", f"{split}-g{number // group_size}")
        for number in range(identities)
        for image in range(images)
    ]


@pytest.fixture
def splits() -> dict[str, list[Image]]:
    return {"train": images_of("train", 8, 6), "val": images_of("val", 4, 4), "test": images_of("test", 4, 5)}


@pytest.fixture
def write_images(tmp_path: Path) -> Write:
    def write(
        splits: dict[str, Iterable[Image]], name: str = "images", shards: int = 2, order: int = 0, gz: bool = False
    ) -> Path:
        root = tmp_path / name
        for split, given in splits.items():
            images = list(given)
            random.Random(order).shuffle(images)
            folder = root / f"Split-{split}"
            folder.mkdir(parents=True)
            for shard in range(shards):
                path = folder / f"images-{shard:05}-of-{shards:05}.tfrecord{'.gz' if gz else ''}"
                with tf.io.TFRecordWriter(str(path), "GZIP" if gz else "") as writer:
                    for image in images[shard::shards]:
                        writer.write(image_example(*image).SerializeToString())
        return root

    return write


@pytest.fixture
def read_examples() -> Callable[[Path], list[dict[str, Any]]]:
    def read(folder: Path) -> list[dict[str, Any]]:
        found = []
        for path in sorted(folder.glob("*.tfrecord")):
            for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
                entries = tf.train.Example.FromString(record).features.feature.items()
                found.append(
                    {key: (value.bytes_list.value or value.int64_list.value or [b""])[0] for key, value in entries}
                )
        return found

    return read
