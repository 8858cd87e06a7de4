"""From the listing to files of image Examples, in Beam: an image is read and decoded once and never shuffled."""

import os
import warnings
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import apache_beam as beam
import numpy as np
import tensorflow as tf

from components.image_example_gen.near_duplicates import perceptual_hash
from components.image_example_gen.records import ChunkWriter, image_example
from components.image_example_gen.rows import Row
from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.sources.source import Found, Reader, Source
from components.image_example_gen.splits import split_key, split_of
from models import containers, pixels
from models.settings import ImageSettings

__all__ = ["CHUNK", "Chunk", "WriteImages", "chunked"]

CHUNK = 512  # files; fixed, so that the same images give the same files whatever the number of workers

_MOST_THREADS = 8  # each may hold an image of max_pixels

_NAMESPACE = "image_example_gen"


class Chunk(NamedTuple):
    """Neighbours in the listing, read one after the other by one worker."""

    number: int
    of: int
    found: list[Found]


def chunked(found: list[Found], size: int = CHUNK) -> list[Chunk]:
    """The listing cut into chunks of ``size``, the last one shorter."""
    starts = range(0, len(found), size)
    return [Chunk(number, len(starts), found[start : start + size]) for number, start in enumerate(starts)]


@beam.typehints.with_input_types(Chunk)
@beam.typehints.with_output_types(Row)
class WriteImages(beam.PTransform):
    """Writes the images of every chunk under ``uri`` by split; gives one small row a file, unusable files included.

    Args:
      source: the images.
      uri: the Examples artifact's.
      settings: what is refused, and the split.
      image: size and channels of the canonical pixels.
      seed: of the split.
    """

    def __init__(self, source: Source, uri: str, settings: IngestSettings, image: ImageSettings, seed: int) -> None:
        super().__init__()
        self._arguments = (source, uri, settings, image, seed)

    def expand(self, chunks: beam.PCollection[Chunk]) -> beam.PCollection[Row]:
        return chunks | "WriteChunk" >> beam.ParDo(_WriteChunk(*self._arguments))


class _WriteChunk(beam.DoFn):
    def __init__(self, source: Source, uri: str, settings: IngestSettings, image: ImageSettings, seed: int) -> None:
        self._source, self._uri, self._seed = source, uri, seed
        self._settings, self._image = settings, image
        self._images_read = beam.metrics.Metrics.counter(_NAMESPACE, "images_read")
        self._images_unusable = beam.metrics.Metrics.counter(_NAMESPACE, "images_unusable")

    def setup(self) -> None:
        warnings.filterwarnings("ignore", module=r"PIL\.")  # what Pillow notices in passing is no fault
        image = self._image
        decode = tf.function(lambda encoded: pixels.decode(encoded, image), autograph=False)
        self._decode = decode.get_concrete_function(tf.TensorSpec([], tf.string))  # half a function call's overhead
        self._threads = min(_MOST_THREADS, len(os.sched_getaffinity(0)))
        self._pool = ThreadPoolExecutor(self._threads, "ingest")

    def teardown(self) -> None:
        self._pool.shutdown()

    def process(self, chunk: Chunk) -> Iterator[Row]:
        rows: list[Row] = []
        with self._source.reader() as reader, ChunkWriter(self._uri, chunk.number, chunk.of) as writer:
            for row, record in self._made(chunk, reader):
                if record:
                    writer.write(row.split, record)
                rows.append(row)
        self._images_read.inc(len(rows))
        self._images_unusable.inc(sum(bool(row.reason) for row in rows))
        yield from rows

    def _made(self, chunk: Chunk, reader: Reader) -> Iterator[tuple[Row, bytes]]:
        """Each image's row and record, in the chunk's order: read here, made by threads, a few images ahead."""
        ahead: deque[Future[tuple[Row, bytes]]] = deque()
        for found in chunk.found:
            if len(ahead) > self._threads:
                yield ahead.popleft().result()
            row = Row(*found, chunk=chunk.number)
            try:
                data = reader.read(found, self._settings.max_bytes)
            except containers.UnreadableImage as error:
                row, data = row._replace(reason=error.reason), b""
            except OSError as error:
                row, data = row._replace(reason=f"cannot be read: {type(error).__name__}"), b""
            ahead.append(self._pool.submit(self._make, found, row, data))
        for future in ahead:
            yield future.result()

    def _make(self, found: Found, row: Row, data: bytes) -> tuple[Row, bytes]:
        """The row and the record of an image, from its file's bytes."""
        if row.reason:
            return row, b""
        try:
            normalised, canonical = self._canonical(data)
        except containers.UnreadableImage as error:
            return row._replace(reason=error.reason), b""
        except Exception as error:
            raise RuntimeError(f"{found.image_id}: {error}") from error
        row = row._replace(digest=pixels.digest(canonical))
        if self._settings.near_duplicates != "off":
            row = row._replace(perceptual=perceptual_hash(canonical))
        hashed = split_of(self._seed, split_key(row, self._settings.split), self._settings.split)
        return row._replace(split=row.given_split or hashed), image_example(found, normalised, canonical, row.digest)

    def _canonical(self, data: bytes) -> tuple[containers.Normalised, np.ndarray]:
        limits = {name: getattr(self._settings, name) for name in ("max_pixels", "max_bytes", "max_frames")}
        normalised = containers.normalise(data, **limits)
        try:
            return normalised, self._decode(tf.constant(normalised.data)).numpy()
        except tf.errors.InvalidArgumentError as error:
            raise containers.UnreadableImage(containers.DAMAGED) from error
