"""The layout of a pairs artifact, and its manifest: the one module that knows where its parts lie.

- ``Split-<split>/``: the pair Examples of train, val and test, as TFX lays out Examples.
- ``images/<split>/``: the image Examples that the pairs of train and val name. The stock Trainer and Tuner take one
  Examples artifact, so the images are a part of it, not an artifact of their own.
- ``parts.json``: the manifest. It declares each file of ``images/`` with its length and checksum; PairGenerator writes
  it last, and the Trainer reads no file that it does not declare.

The property ``parts`` of the artifact names the declared folders in the metadata store.
"""

import json
import posixpath
from collections.abc import Iterator, Mapping, Sequence

import tensorflow as tf

from models.checksums import PartFile, checksum

MANIFEST = "parts.json"
PROPERTY = "parts"
_BLOCK = 1 << 20


def images_part(split: str) -> str:
    """The folder of a split's images, relative to the artifact."""
    return f"images/{split}"


def manifest_text(parts: Mapping[str, Sequence[PartFile]]) -> str:
    """The content of ``parts.json``: the files of each folder."""
    return json.dumps({part: [file._asdict() for file in files] for part, files in parts.items()}, indent=1) + "\n"


def split_files(pattern: str) -> tuple[list[str], list[str]]:
    """The pair shards and the declared image shards of a split.

    Args:
      pattern: of the pair shards as TFX passes it: ``<artifact>/Split-<split>/*``.

    Raises:
      FileNotFoundError: the manifest or a shard is missing.
      ValueError: an image shard is not of the declared length.
    """
    pairs = sorted(tf.io.gfile.glob(pattern))
    if not pairs:
        raise FileNotFoundError(f"no shard matches {pattern}")
    images = []
    for path, file in _declared(pattern):
        if not tf.io.gfile.exists(path):
            raise FileNotFoundError(f"{path}: is missing; {MANIFEST} declares it")
        if (size := tf.io.gfile.stat(path).length) != file.bytes:
            raise ValueError(f"{path}: has {size} bytes, {MANIFEST} declares {file.bytes}")
        images.append(path)
    return pairs, images


def check_images(pattern: str) -> None:
    """Compares the image shards of a split with their declared checksums.

    Raises:
      ValueError: one differs: it was replaced or damaged after PairGenerator wrote the manifest.
    """
    for path, file in _declared(pattern):
        found = checksum(file.name, _blocks(path))
        if found != file:
            raise ValueError(f"{path}: has the checksum {found.crc32c}, {MANIFEST} declares {file.crc32c}")


def _blocks(path: str) -> Iterator[bytes]:
    with tf.io.gfile.GFile(path, "rb") as content:
        while block := content.read(_BLOCK):
            yield block


def _declared(pattern: str) -> list[tuple[str, PartFile]]:
    """The path and the manifest's entry of each image shard of a split."""
    uri, split = posixpath.split(posixpath.dirname(pattern))
    manifest = posixpath.join(uri, MANIFEST)
    if not tf.io.gfile.exists(manifest):
        raise FileNotFoundError(f"{manifest}: is missing; this is no complete pairs artifact")
    with tf.io.gfile.GFile(manifest) as file:
        parts = json.load(file)
    part = images_part(split.removeprefix("Split-"))
    if not parts.get(part):
        raise FileNotFoundError(f"{manifest}: declares no file in {part}")
    return [(posixpath.join(uri, part, one["name"]), PartFile(**one)) for one in parts[part]]
