"""From the listing to files of image Examples, in Beam: each image is read and decoded once and never shuffled."""

import os
import threading
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from itertools import repeat
from typing import NamedTuple

import apache_beam as beam
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.image_example_gen.image_records import chunk_writer, image_example
from components.image_example_gen.near_duplicates import perceptual_hashes
from components.image_example_gen.normalising import LARGE, Answer, Normalisers
from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.sources.source import Found, Reader, Source
from components.image_example_gen.splits import final_split
from models.data import canonical_pixels, image_formats
from models.settings import ImageSettings

__all__ = ["CHUNK", "Chunk", "Decoder", "WriteImages", "chunked"]

CHUNK = 512  # files; fixed, so that the files do not depend on the number of workers

_MOST_THREADS = 8
_FEW = 3  # chunks, for which another process would hardly have started
_BATCH = 32  # images that one call of TensorFlow decodes at most
_BATCH_BYTES = 4 * 1024**2  # of a batch, as files or as pixels: no image is added to more

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


class _Image(NamedTuple):
    """An image in progress: first with its file's bytes, then with those of its normalised container."""

    row: Found
    data: bytes
    source: image_formats.Normalised | None = None


@beam.typehints.with_input_types(Chunk)
@beam.typehints.with_output_types(list[Found])
class WriteImages(beam.PTransform):
    """Writes the images of every chunk under ``uri`` by split.

    Returns the rows of each chunk, one for each file, unusable ones included: an element each would cost as much as
    what is done with it.
    """

    def __init__(self, source: Source, uri: str, settings: IngestSettings, image: ImageSettings, seed: int) -> None:
        super().__init__()
        self._arguments = (source, uri, settings, image, seed)

    def expand(self, chunks: beam.PCollection[Chunk]) -> beam.PCollection[list[Found]]:
        return chunks | "WriteChunk" >> beam.ParDo(_WriteChunk(*self._arguments))


class _WriteChunk(beam.DoFn):
    def __init__(self, source: Source, uri: str, settings: IngestSettings, image: ImageSettings, seed: int) -> None:
        self._source, self._uri, self._seed = source, uri, seed
        self._settings, self._image = settings, image
        self._images_read = beam.metrics.Metrics.counter(_NAMESPACE, "images_read")
        self._images_unusable = beam.metrics.Metrics.counter(_NAMESPACE, "images_unusable")

    def setup(self) -> None:
        warnings.filterwarnings("ignore", module=r"PIL\.")  # Pillow's warnings are no errors
        image = self._image
        self._decode = Decoder(image)
        self._batch = max(1, min(_BATCH, _BATCH_BYTES // (image.height * image.width * image.channels)))
        self._large = threading.Lock()
        self._threads = min(_MOST_THREADS, len(os.sched_getaffinity(0)))
        self._pool = ThreadPoolExecutor(self._threads, "ingest")
        self._limits = {name: getattr(self._settings, name) for name in ("max_pixels", "max_bytes", "max_frames")}
        self._limits["most_raw"] = _BATCH_BYTES
        self._normalisers: Normalisers | None = None

    def teardown(self) -> None:
        self._pool.shutdown()
        if self._normalisers:
            self._normalisers.close()

    def process(self, chunk: Chunk) -> Iterator[list[Found]]:
        if chunk.of > _FEW and self._threads > 1:  # one core is this process's
            self._normalisers = self._normalisers or Normalisers(self._threads - 1, self._limits)
        rows: list[Found] = []
        with self._source.reader() as reader, chunk_writer(self._uri, chunk.number, chunk.of) as write:
            for row, record in self._made(chunk, reader):
                if record:
                    write(row.split, record)
                rows.append(row)
        self._images_read.inc(len(rows))
        self._images_unusable.inc(sum(bool(row.reason) for row in rows))
        yield rows

    def _made(self, chunk: Chunk, reader: Reader) -> Iterator[tuple[Found, bytes]]:
        """Each image's row and record, in the chunk's order: read here, decoded by threads, a few batches ahead."""
        ahead: deque[Future[list[tuple[Found, bytes]]]] = deque()
        for batch in self._batches(self._read(found, chunk.number, reader) for found in chunk.found):
            if len(ahead) > self._threads:
                yield from ahead.popleft().result()
            ahead.append(self._pool.submit(self._make, batch))
        for future in ahead:
            yield from future.result()

    def _batches(self, images: Iterable[_Image]) -> Iterator[list[_Image]]:
        """Consecutive images, as many as ``_BATCH`` and ``_BATCH_BYTES`` allow."""
        batch: list[_Image] = []
        size = 0
        for image in images:
            batch.append(image)
            size += len(image.data)
            if len(batch) == self._batch or size >= _BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _read(self, found: Found, chunk: int, reader: Reader) -> _Image:
        found = found._replace(chunk=chunk)
        try:
            return _Image(found, reader.read(found, self._settings.max_bytes))
        except image_formats.UnreadableImage as error:
            reason = error.reason
        except OSError as error:
            reason = f"cannot be read: {type(error).__name__}"
        return _Image(found._replace(reason=reason), b"")

    def _make(self, batch: list[_Image]) -> list[tuple[Found, bytes]]:
        """The rows and records of consecutive images, from their files' bytes."""
        groups = self._batches(self._all_normalised(batch))  # a file may be small and its pixels many
        return [made for images in groups for made in self._decoded(images)]

    def _all_normalised(self, batch: list[_Image]) -> Iterator[_Image]:
        answers: Iterator[Answer] = repeat(None)
        if self._normalisers:
            answers = iter(self._normalisers.normalise([image.data for image in batch if not image.row.reason]))
        for image in batch:
            yield image if image.row.reason else self._normalised(image, next(answers))

    def _normalised(self, image: _Image, answer: Answer) -> _Image:
        try:
            if isinstance(answer, image_formats.UnreadableImage):
                raise answer
            source = answer or self._normalise(image.data)
        except image_formats.UnreadableImage as error:
            return image._replace(row=image.row._replace(reason=error.reason), data=b"")
        except Exception as error:
            raise RuntimeError(f"{image.row.image_id}: {error}") from error
        return image._replace(data=source.data, source=source)

    def _normalise(self, data: bytes) -> image_formats.Normalised:
        most = self._limits["max_pixels"]
        try:
            return image_formats.normalise(data, **{**self._limits, "max_pixels": min(most, LARGE)})
        except image_formats.UnreadableImage as error:
            if most <= LARGE or not error.reason.startswith("too many pixels"):  # by its header
                raise
        with self._large:
            return image_formats.normalise(data, **self._limits)

    def _decoded(self, images: list[_Image]) -> Iterator[tuple[Found, bytes]]:
        """Each image's row and record."""
        large = any(image.source and image.source.width * image.source.height > LARGE for image in images)
        try:
            with self._large if large else nullcontext():
                decoded = self._decode([image.source for image in images if image.source])
        except Exception as error:
            names = f"{images[0].row.image_id} to {images[-1].row.image_id}"
            raise RuntimeError(f"{names}: {error}") from error
        hashes = [""] * len(decoded)
        if self._settings.near_duplicates != "off":
            made = iter(perceptual_hashes([canonical for canonical in decoded if canonical is not None]))
            hashes = ["" if canonical is None else next(made) for canonical in decoded]
        results = zip(decoded, hashes, strict=True)
        for listed, _, source in images:
            canonical, perceptual = next(results) if source else (None, "")
            if source is None:
                yield listed, b""
            elif canonical is None:
                yield listed._replace(reason=image_formats.DAMAGED), b""
            else:
                size = self._image.height, self._image.width
                untrimmed = self._image.trim is not None and (source.height, source.width) == size
                digest = canonical_pixels.digest(canonical)
                row = listed._replace(digest=digest, perceptual=perceptual, untrimmed=untrimmed)
                shown = canonical_pixels.without_padding(canonical, source.height, source.width, self._image)
                row = row._replace(dim=canonical_pixels.is_dim(shown))
                row = row._replace(split=final_split(self._seed, row, self._settings.split))
                yield row, image_example(row, source, canonical)


class Decoder:
    """Decodes several images by one call of TensorFlow, which is slower than decoding a small image.

    One after another, so that only one is in memory in full size. Threads may share it.
    """

    def __init__(self, image: ImageSettings) -> None:
        one = tf.TensorSpec([image.height, image.width, image.channels], tf.uint8)

        def decode(given: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            data, shape = given
            return tf.cond(
                shape[2] > 0,
                lambda: canonical_pixels.resize(tf.reshape(tf.io.decode_raw(data, tf.uint8), shape), image),
                lambda: canonical_pixels.decode(data, image),
            )

        def decode_all(data: tf.Tensor, shapes: tf.Tensor) -> tf.Tensor:
            return tf.map_fn(decode, (data, shapes), fn_output_signature=one, parallel_iterations=1)

        function = tf.function(decode_all, autograph=False)
        self._decode = function.get_concrete_function(
            tf.TensorSpec([None], tf.string), tf.TensorSpec([None, 3], tf.int32)
        )

    def __call__(self, images: Sequence[image_formats.Normalised]) -> list[NDArray[np.uint8] | None]:
        """The result of ``canonical_pixels.decode`` for each image; None where TensorFlow cannot decode it."""
        if not images:
            return []
        shapes = [(one.height, one.width, one.channels) for one in images]
        try:
            return list(self._decode(tf.constant([one.data for one in images]), tf.constant(shapes)).numpy())
        except tf.errors.InvalidArgumentError:  # of one image, which it does not name
            if len(images) == 1:
                return [None]
            half = len(images) // 2
            return self(images[:half]) + self(images[half:])
