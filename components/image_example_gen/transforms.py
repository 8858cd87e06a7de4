"""From the listing to files of image Examples, in Beam: an image is read and decoded once and never shuffled."""

import warnings
from collections.abc import Iterator
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

    def process(self, chunk: Chunk) -> Iterator[Row]:
        with self._source.reader() as reader, ChunkWriter(self._uri, chunk.number, chunk.of) as writer:
            rows = [self._write(reader, found, chunk.number, writer) for found in chunk.found]
        yield from rows

    def _write(self, reader: Reader, found: Found, number: int, writer: ChunkWriter) -> Row:
        self._images_read.inc()
        row = Row(*found, chunk=number)
        try:
            normalised, canonical = self._read(reader, found)
        except containers.UnreadableImage as error:
            self._images_unusable.inc()
            return row._replace(reason=error.reason)
        except OSError as error:
            self._images_unusable.inc()
            return row._replace(reason=f"cannot be read: {type(error).__name__}")
        except Exception as error:
            raise RuntimeError(f"{found.image_id}: {error}") from error
        row = row._replace(digest=pixels.digest(canonical))
        if self._settings.near_duplicates != "off":
            row = row._replace(perceptual=perceptual_hash(canonical))
        hashed = split_of(self._seed, split_key(row, self._settings.split), self._settings.split)
        row = row._replace(split=row.given_split or hashed)
        writer.write(row.split, image_example(found, normalised, canonical, row.digest))
        return row

    def _read(self, reader: Reader, found: Found) -> tuple[containers.Normalised, np.ndarray]:
        limits = {name: getattr(self._settings, name) for name in ("max_pixels", "max_bytes", "max_frames")}
        normalised = containers.normalise(reader.read(found, self._settings.max_bytes), **limits)
        try:
            return normalised, self._decode(tf.constant(normalised.data)).numpy()
        except tf.errors.InvalidArgumentError as error:
            raise containers.UnreadableImage(containers.DAMAGED) from error
