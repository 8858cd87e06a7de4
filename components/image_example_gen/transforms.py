"""From the listing to files of image Examples, in Beam: each image is read and decoded once and never shuffled."""

import os
import warnings
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import apache_beam as beam

from components.image_example_gen.image_making import Image, Made
from components.image_example_gen.image_records import chunk_writer
from components.image_example_gen.making_processes import Makers
from components.image_example_gen.settings import IngestSettings
from components.image_example_gen.sources.source import Found, Reader, Source
from models.data import image_formats
from models.settings import ImageSettings

CHUNK = 512  # files; fixed, so that the files do not depend on the number of workers

_MOST_THREADS = 8
_MANY = 8  # chunks, for which other processes are worth their start of two seconds

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
        self._threads = min(_MOST_THREADS, len(os.sched_getaffinity(0)))
        self._makers = Makers(self._settings, self._image, self._seed)
        self._pool = ThreadPoolExecutor(self._threads, "ingest")

    def teardown(self) -> None:
        self._pool.shutdown()
        self._makers.close()

    def process(self, chunk: Chunk) -> Iterator[list[Found]]:
        if chunk.of >= _MANY:
            self._makers.start(self._threads - 1)  # this process is one of them
        rows: list[Found] = []
        with self._source.reader() as reader, chunk_writer(self._uri, chunk.number, chunk.of) as write:
            for row, record in self._made(chunk, reader):
                if record:
                    write(row.split, record)
                rows.append(row)
        self._images_read.inc(len(rows))
        self._images_unusable.inc(sum(bool(row.reason) for row in rows))
        yield rows

    def _made(self, chunk: Chunk, reader: Reader) -> Iterator[Made]:
        """Each image's row and record, in the chunk's order: read here, made by threads, a few batches ahead."""
        ahead: deque[Future[list[Made]]] = deque()
        for batch in self._makers.batches(self._read(found, chunk.number, reader) for found in chunk.found):
            if len(ahead) > self._threads:
                yield from ahead.popleft().result()
            ahead.append(self._pool.submit(self._makers.make, batch))
        for future in ahead:
            yield from future.result()

    def _read(self, found: Found, chunk: int, reader: Reader) -> Image:
        found = found._replace(chunk=chunk)
        try:
            return Image(found, reader.read(found, self._settings.max_bytes))
        except image_formats.UnreadableImage as error:
            reason = error.reason
        except OSError as error:
            reason = f"cannot be read: {type(error).__name__}"
        return Image(found._replace(reason=reason), b"")
