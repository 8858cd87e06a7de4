"""What is remembered of every file once its pixels are written: small, and one JSON line each."""

import json
from typing import NamedTuple


class Row(NamedTuple):
    """One file that was read.

    Attributes:
      image_id: path relative to the data root.
      chunk: number of the chunk that it was read in.
      reason: why it is set aside, "" for a usable image (``split`` and ``digest`` are "" otherwise).
      digest: of the canonical pixels, hex.
      bytes: length of the file.
    """

    image_id: str
    identity: str
    group: str
    chunk: int
    split: str
    digest: str
    reason: str
    bytes: int

    def to_json(self) -> str:
        """One line."""
        return json.dumps(self, ensure_ascii=True)

    @classmethod
    def from_json(cls, line: str) -> "Row":
        """The inverse of ``to_json``."""
        return cls(*json.loads(line))
