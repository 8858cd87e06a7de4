"""The row of every file that was read, once its pixels are written: small, and one JSON line each."""

import json
from typing import NamedTuple


class Row(NamedTuple):
    """One file that was read.

    The first eight are those of ``sources.source.Found``, then:

    Attributes:
      chunk: number of the chunk that it was read in.
      split: its split, "" for an unusable image.
      digest: of the canonical pixels, hex; "" for an unusable image.
      perceptual: a hash that is near for images that look alike, hex; "" where it is off.
      reason: why it is set aside, "" for a usable image.
      untrimmed: whether trimming was skipped because it has the configured size already.
    """

    image_id: str
    identity: str
    group: str
    given_split: str = ""
    impostor_of: str = ""
    span: int = 0
    bytes: int = 0
    identity_images: int = 1
    chunk: int = 0
    split: str = ""
    digest: str = ""
    perceptual: str = ""
    reason: str = ""
    untrimmed: bool = False

    def to_json(self) -> str:
        """One line."""
        return json.dumps(self, ensure_ascii=True)

    @classmethod
    def from_json(cls, line: str) -> "Row":
        """The inverse of ``to_json``."""
        return cls(*json.loads(line))
