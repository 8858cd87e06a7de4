"""Real pairs of the tiny model's images, what it scores them, and copies of it that something is wrong with."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import standard_artifacts
from tiny_model import GREY, pair_example, patterns

from components.gates.serving_validator.canary_pairs import Canaries, choose, read_canaries
from components.pair_scores.table import FILE
from models.data import features

PAIRS = 12


def record(number: int) -> bytes:
    a, b = patterns(2, GREY, seed=100 + number)
    example = tf.train.Example.FromString(pair_example(a, b))
    example.features.feature[features.PAIR_ID].bytes_list.value.append(pair_id(number).encode())
    return example.SerializeToString()


def pair_id(number: int) -> str:
    return f"{number}a.png|{number}b.png"


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    """An Examples artifact with a test split, as PairGenerator writes it."""
    artifact = standard_artifacts.Examples()
    artifact.uri = str(tmp_path_factory.mktemp("pairs"))
    artifact.splits = [features.TEST]
    examples_utils.set_payload_format(artifact, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE)
    folder = Path(artifact.uri) / f"Split-{features.TEST}"
    folder.mkdir()
    for shard in range(2):
        with tf.io.TFRecordWriter(str(folder / f"pairs-{shard:05}-of-00002.tfrecord")) as writer:
            for number in range(shard, PAIRS, 2):
                writer.write(record(number))
    return artifact


@pytest.fixture(scope="session")
def scores(exported, tmp_path_factory) -> str:
    """Of all pairs by the whole model: the folder with the table."""
    score = exported.signatures["serving_default"](tf.constant([record(n) for n in range(PAIRS)]))["score"].numpy()
    folder = tmp_path_factory.mktemp("scores")
    pq.write_table(pa.table({"pair_id": [pair_id(n) for n in range(PAIRS)], "score": score}), str(folder / FILE))
    return str(folder)


@pytest.fixture(scope="session")
def canaries(pairs, scores) -> Canaries:
    table = pq.read_table(str(Path(scores) / FILE))
    return read_canaries(str(Path(pairs.uri) / f"Split-{features.TEST}"), choose(table, 6))


@pytest.fixture
def copied(exported, tmp_path) -> Path:
    """The whole model, to be damaged."""
    return Path(shutil.copytree(exported.path, tmp_path / "copied"))


Answer = dict[str, Any]
Function = type(tf.function(lambda: 0))


@pytest.fixture
def changed(exported, tmp_path) -> Callable[..., Path]:
    """Saves the model with some signatures changed: by name, a function of the answer, or the
    whole signature as a ``tf.function``; None drops it."""

    def changed(**changes: Callable[[Answer], Answer] | Function | None) -> Path:
        model = tf.saved_model.load(str(exported.path))
        signatures = dict(model.signatures)
        for name, change in changes.items():
            whole = signatures.pop(name)
            if change:
                signatures[name] = change if isinstance(change, Function) else _changed(whole, change)
        target = tmp_path / "changed"
        tf.saved_model.save(model, str(target), signatures=signatures)
        shutil.copytree(exported.path / "assets.extra", target / "assets.extra")
        return target

    return changed


def _changed(whole: Any, change: Callable[[Answer], Answer]) -> Any:
    names = list(whole.structured_input_signature[1])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name=name) for name in names])
    def signature(*values):
        return change(whole(**dict(zip(names, values, strict=True))))

    return signature
