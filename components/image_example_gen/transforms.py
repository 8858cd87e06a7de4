"""From the listing to files of image Examples, in Beam: each image is read and decoded once and never shuffled."""

import pickle
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

import apache_beam as beam

from components.image_example_gen.helper_processes import MANY, cores
from components.image_example_gen.image_making import Image, Made, read_image
from components.image_example_gen.image_records import chunk_writer, rows_writer
from components.image_example_gen.making_processes import Makers
from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.sources.source import Found, Reader, Source
from models.settings import ImageSettings

CHUNK = 512  # files; fixed, so that the files do not depend on the number of workers


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


def packed(chunk: Chunk) -> bytes:
    """As Beam takes it, which would encode each of its rows in Python."""
    return pickle.dumps(chunk)


@beam.typehints.with_input_types(bytes)
class WriteImages(beam.PTransform):
    """Writes images of packed chunks under ``uri`` by split, and their rows, unusable ones included, under ``rows``.

    The rows go into files, not into a collection, which would cost Beam a dozen stages (``image_records.read_rows``).
    """

    def __init__(
        self, source: Source, uri: str, rows: str, settings: IngestSettings, image: ImageSettings, seed: int
    ) -> None:
        super().__init__()
        self._arguments = (source, uri, rows, settings, image, seed)

    def expand(self, chunks: beam.PCollection[bytes]) -> beam.PCollection[None]:
        return chunks | "WriteChunk" >> beam.ParDo(_WriteChunk(*self._arguments))


class _WriteChunk(beam.DoFn):
    """Batches of the next chunk are made while the last of the one before are: no process ever waits for a chunk."""

    def __init__(
        self, source: Source, uri: str, rows: str, settings: IngestSettings, image: ImageSettings, seed: int
    ) -> None:
        self._source, self._uri, self._rows, self._seed = source, uri, rows, seed
        self._settings, self._image = settings, image
        self._images_read = beam.metrics.Metrics.counter(_NAMESPACE, "images_read")
        self._images_unusable = beam.metrics.Metrics.counter(_NAMESPACE, "images_unusable")

    def setup(self) -> None:
        warnings.filterwarnings("ignore", module=r"PIL\.")  # Pillow's warnings are no errors
        self._makers: Makers | None = None

    def teardown(self) -> None:
        if self._makers:
            self._pool.shutdown()
            self._makers.close()

    def start_bundle(self) -> None:
        self._ahead = deque[tuple[_Writing, Future[list[Made]]]]()
        self._open: list[_Writing] = []

    def process(self, element: bytes) -> Iterable[None]:
        chunk: Chunk = pickle.loads(element)  # noqa: S301 - what ``packed`` made
        makers = self._makers or self._started(chunk.of)
        writing = _Writing(chunk, self._uri, self._rows)
        self._open.append(writing)
        with self._discarded_on_errors(), self._source.reader() as reader:
            for batch in makers.batches(self._images(chunk, reader)):
                if len(self._ahead) > makers.threads:
                    self._write_next()
                self._ahead.append((writing, self._pool.submit(makers.make, batch)))
                writing.batches += 1
            writing.begun = True
        return ()

    def finish_bundle(self) -> None:
        with self._discarded_on_errors():
            while self._ahead:
                self._write_next()

    def _started(self, chunks: int) -> Makers:
        others = cores() - 1 if chunks * CHUNK >= MANY else 0
        source = self._source if self._source.shareable else None
        self._makers = Makers(self._settings, self._image, self._seed, source, others)
        self._pool = ThreadPoolExecutor(max(cores(), self._makers.threads), "ingest")
        return self._makers

    def _images(self, chunk: Chunk, reader: Reader) -> Iterator[Image]:
        """The images of a chunk; where several may read the source, their files are read by who makes them."""
        for found in chunk.found:
            row = found._replace(chunk=chunk.number)
            yield Image(row) if self._source.shareable else read_image(row, reader, self._settings.max_bytes)

    def _write_next(self) -> None:
        """Writes the batch that was begun first, and ends its chunk if it is the last of it."""
        writing, future = self._ahead.popleft()
        writing.add(future.result())
        if writing.begun and not writing.batches:
            writing.close()
            self._open.remove(writing)
            self._images_read.inc(len(writing.rows))
            self._images_unusable.inc(sum(bool(row.reason) for row in writing.rows))

    @contextmanager
    def _discarded_on_errors(self) -> Iterator[None]:
        """An error leaves no file of a chunk that is not written to its end: the bundle is tried again, or fails."""
        try:
            yield
        except BaseException:
            for writing in self._open:
                writing.discard()
            self._open.clear()
            self._ahead.clear()
            raise


class _Writing:
    """A chunk that is being written, in its order.

    Attributes:
      rows: that are written.
      batches: that are not.
      begun: whether all its batches are.
    """

    def __init__(self, chunk: Chunk, uri: str, rows: str) -> None:
        self.rows: list[Found] = []
        self.batches, self.begun = 0, False
        self._open = ExitStack()
        self._write_rows = self._open.enter_context(rows_writer(rows, chunk.number, chunk.of))
        self._write = self._open.enter_context(chunk_writer(uri, chunk.number, chunk.of))

    def add(self, made: list[Made]) -> None:
        """Writes the next batch."""
        for row, record in made:
            if record:
                self._write(row.split, record)
            self.rows.append(row)
        self.batches -= 1

    def close(self) -> None:
        """Writes its rows, and gives its files their names."""
        self._write_rows(self.rows)
        self._open.close()

    def discard(self) -> None:
        """Removes its files."""
        with suppress(_GivenUp), self._open:
            raise _GivenUp


class _GivenUp(Exception):
    """The chunk is not written to its end."""
