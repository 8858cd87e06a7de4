"""Scoring of test pairs in batches, in constant memory."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from components.pair_scores.table import FILE, SCHEMA
from components.storage.tfrecords import find_shards, read_records
from models.addresses import by_plain_name
from models.data import features
from models.errors import TrainingFailed

_BATCH = 256

_COLUMNS = {  # of the table, by the pair Example's key
    "pair_id": features.PAIR_ID,
    "image_a": features.side(features.IMAGE_ID, "a"),
    "image_b": features.side(features.IMAGE_ID, "b"),
    "identity_a": features.side(features.IDENTITY, "a"),
    "identity_b": features.side(features.IDENTITY, "b"),
    "kind": features.KIND,
    "group": features.GROUP,
    "identity_size": features.IDENTITY_SIZE,
    "quality": features.QUALITY,
}


class PairModel:
    """A SavedModel that scores serialized pair Examples.

    Raises:
      TrainingFailed: it cannot be loaded.
    """

    def __init__(self, model_dir: Path | str) -> None:
        try:
            with by_plain_name(model_dir) as folder:
                self._model = tf.saved_model.load(folder)
        except Exception as error:  # damaged files can raise any class
            text = re.sub(r"^\{\{.*?\}\} ", "", " ".join(str(error).split()))  # without the name of a node
            why = text.replace(f"{model_dir}/", "")[:200]
            message = f"{model_dir}: the model is damaged, it cannot be loaded: {why}"
            raise TrainingFailed(message, "model-damaged-candidate") from error

    def __call__(self, records: Sequence[bytes]) -> tuple[Any, Any]:
        """[n] serialized pair Examples -> (scores, distances), float32 [n]."""
        outputs = self._model.signatures["serving_default"](tf.constant(records))
        return outputs["score"].numpy(), outputs["distance"].numpy()


def write_scores(folder: str, target: Path, candidate: PairModel, baseline: PairModel | None) -> int:
    """Scores every pair in the record files of ``folder`` and writes ``target/scores.parquet``.

    Returns:
      The number of pairs.
    """
    # On a GPU, TensorFloat-32 would change scores by more than the tolerance of the ServingValidator (on the CPU).
    tf.config.experimental.enable_tensor_float_32_execution(False)
    target.mkdir(parents=True, exist_ok=True)
    records = (record for shard in find_shards(folder) for _, record in read_records(shard))
    count = 0
    with pq.ParquetWriter(str(target / FILE), SCHEMA) as writer:
        for batch in _batches(records):
            writer.write_table(pa.table(_scored(batch, candidate, baseline), schema=SCHEMA))
            count += len(batch)
    return count


def _scored(batch: Sequence[bytes], candidate: PairModel, baseline: PairModel | None) -> dict[str, Any]:
    examples = [tf.train.Example.FromString(record).features.feature for record in batch]
    columns: dict[str, Any] = {
        column: [_text(example, key) for example in examples] for column, key in _COLUMNS.items()
    }
    columns["same"] = [example[features.SAME].int64_list.value[0] for example in examples]
    columns["score"], columns["distance"] = candidate(batch)
    missing = [None] * len(batch)
    columns["baseline_score"], columns["baseline_distance"] = baseline(batch) if baseline else (missing, missing)
    columns["pixel_distance"] = [_pixel_distance(example) for example in examples]
    return columns


def _text(example: Any, key: str) -> str:
    """A bytes feature as text; "" if it is missing."""
    value = example[key].bytes_list.value if key in example else ()
    return value[0].decode() if value else ""


def _pixel_distance(example: Any) -> float:
    """Root mean square difference of two images' canonical pixels, 0..1."""
    a, b = (
        np.frombuffer(example[features.side(features.PIXELS, side)].bytes_list.value[0], np.uint8).astype(np.float32)
        for side in features.SIDES
    )
    return float(np.sqrt(np.mean(np.square(a - b))) / 255)


def _batches(records: Iterable[bytes]) -> Iterator[list[bytes]]:
    iterator = iter(records)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
