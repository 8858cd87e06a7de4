"""Canary requests and answers, as files in a folder shared with the fresh process.

Neither TensorFlow nor TFX is imported here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

MODEL = Path("model") / "1"  # where the SavedModel lies, as TensorFlow Serving wants it: <name>/<version>
REQUESTS, ANSWERS, REFUSAL, STAGE = "requests.parquet", "answers.npz", "refusal.txt", "stage.txt"

# How a request was sent: all pairs in one request, or one pair a request, to the session that TensorFlow Serving would
# run; all in one to ``tf.saved_model.load``; each first image with itself; as JPEG; after a request that failed.
TOGETHER, ALONE, PYTHON = "together", "alone", "python"
ITSELF, JPEG, AFTERWARDS = "itself", "jpeg", "afterwards"

Answers = Mapping[str, NDArray[Any]]  # by ``key``


def key(way: str, signature: str, output: str) -> str:
    """The name of an answer. ``embed`` is asked twice: its signature is ``embed_a`` and ``embed_b``."""
    return f"{way}/{signature}/{output}"


class Refused(Exception):
    """The model must not serve. The message is the reason: one plain sentence, without a full stop."""


@dataclass(frozen=True)
class CanaryRequests:
    """The canary pairs in the two forms in which clients send pairs.

    Attributes:
      examples: [n] serialized pair Examples.
      image_a: [n] PNG of the same pixels.
      image_b: [n] PNG.
      jpeg: [n] ``image_a`` as JPEG.
    """

    examples: list[bytes]
    image_a: list[bytes]
    image_b: list[bytes]
    jpeg: list[bytes]

    def write(self, folder: Path) -> None:
        """Writes ``REQUESTS`` into the folder."""
        columns = {name: pa.array(values, pa.binary()) for name, values in vars(self).items()}
        pq.write_table(pa.table(columns), str(folder / REQUESTS))

    @classmethod
    def read(cls, folder: Path) -> "CanaryRequests":
        """Reads ``REQUESTS`` from the folder."""
        return cls(**pq.read_table(str(folder / REQUESTS)).to_pydict())


def write_answers(answers: Answers, folder: Path) -> None:
    """Writes ``ANSWERS`` into the folder."""
    np.savez(folder / ANSWERS, **answers)


def read_answers(folder: Path) -> Answers:
    """Reads ``ANSWERS`` from the folder; nothing in it is executed."""
    with np.load(folder / ANSWERS, allow_pickle=False) as stored:
        return dict(stored)
