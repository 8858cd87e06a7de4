"""Two passes over the images: index them, then write the chosen pairs.

Neither shuffles a record: an element is a file to read, or a file to write. Every file is written under another name
and then renamed, with the same bytes at every attempt, so that a retry does no harm.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice, starmap
from operator import itemgetter
from typing import Any, BinaryIO

import apache_beam as beam
import pyarrow as pa
import tensorflow as tf
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics

from components.pair_generator import index
from components.storage.example_encoding import encode_example
from components.storage.tfrecords import (
    create_records,
    open_records,
    read_record,
    read_records,
    write_record,
)
from models.checksums import PartFile, checksum
from models.data.features import (
    BRIGHTNESS,
    CHANNELS,
    CONTRAST,
    GENUINE,
    GROUP,
    HEIGHT,
    IDENTITY,
    IMAGE_DIGEST,
    IMAGE_ID,
    IMPOSTOR_OF,
    KIND,
    KINDS,
    PAIR_ID,
    PIXELS,
    QUALITY,
    SAME,
    SIDES,
    SOURCE_HEIGHT,
    SOURCE_WIDTH,
    WIDTH,
    side,
)

_NAMESPACE = "PairGenerator"
_ROWS = 8192  # of a table in memory as Python objects

ID_COLUMNS = (IMAGE_ID, IDENTITY, GROUP)
RECORD_COLUMNS = (index.FILE, index.OFFSET)
SLICE_COLUMNS = (GROUP, index.IDENTITY_IMAGES, QUALITY)  # what pairs with pixels are sliced on, beside their kind

_TEXTS = (IMAGE_ID, IMAGE_DIGEST, IDENTITY, GROUP, IMPOSTOR_OF)
_MEASURED = (BRIGHTNESS, CONTRAST, SOURCE_HEIGHT, SOURCE_WIDTH, HEIGHT, WIDTH)
_INDEXED = {
    **{key: tf.io.FixedLenFeature([], tf.string) for key in _TEXTS},
    **{key: tf.io.FixedLenFeature([], tf.float32) for key in _MEASURED[:2]},
    **{key: tf.io.FixedLenFeature([], tf.int64) for key in _MEASURED[2:]},
}
_CHECKSUM = b"file"  # key of the table's metadata
_BLOCK = 1 << 20
_PARSED = 512  # Examples parsed together
Record = tuple[int, int]  # of an image: the number of its shard, and its offset there
Pixels = dict[Record, dict[str, Any]]  # the pixel features of images


@dataclass(frozen=True)
class ShardToIndex:
    """One image shard, and the target of its rows: an Arrow stream of ``index.SCHEMA``, with a checksum as metadata."""

    shard: str
    number: int  # in the split's sorted list of shards
    target: str


@dataclass(frozen=True)
class PairsToWrite:
    """One range of chosen pairs (an Arrow stream), and the record file that it becomes."""

    table: str
    target: str
    shards: tuple[str, ...] = ()  # with pixels, read from these; without any, ids alone


@beam.typehints.with_input_types(ShardToIndex)
@beam.typehints.with_output_types(str)
class IndexShards(beam.PTransform):
    """Reads every shard once and writes its rows. Outputs the paths written."""

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        return shards | "SpreadShards" >> beam.Reshuffle() | "Index" >> beam.ParDo(_IndexShard())


@beam.typehints.with_input_types(PairsToWrite)
@beam.typehints.with_output_types(str)
class WritePairs(beam.PTransform):
    """Writes every range of pairs into its file. Outputs the paths written.

    The pixels of a range are read in the order of their records and held until the range is written: memory is that of
    one range, however many images there are.
    """

    def expand(self, ranges: beam.PCollection) -> beam.PCollection:
        return ranges | "SpreadRanges" >> beam.Reshuffle() | "Write" >> beam.ParDo(_WritePairs())


def read_table(path: str) -> pa.Table:
    """Reads an Arrow stream."""
    with open_records(path) as file:
        return pa.ipc.open_stream(file).read_all()


def write_table(path: str, table: pa.Table) -> None:
    """Writes an Arrow stream."""
    with create_records(path) as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)


def part_file(table: pa.Table) -> PartFile:
    """The name, the length and the checksum of the shard that ``IndexShards`` made a table of."""
    return PartFile(*json.loads(table.schema.metadata[_CHECKSUM]))


def read_pixels(shards: Sequence[str], records: Iterable[Record]) -> Iterator[tuple[Record, dict[str, Any]]]:
    """The pixel features of each image; records of one shard are neighbours."""
    for number, group in groupby(records, key=itemgetter(0)):
        with open_records(shards[number]) as file:
            for record in group:
                example = tf.train.Example.FromString(read_record(file, record[1], shards[number]))
                keys = (PIXELS, HEIGHT, WIDTH, CHANNELS)
                yield record, {key: _scalar(example, key, shards[number], record[1]) for key in keys}


class _IndexShard(beam.DoFn):
    def __init__(self) -> None:
        self._images = Metrics.counter(_NAMESPACE, "images_indexed")

    def process(self, element: ShardToIndex) -> Iterator[str]:
        rows: dict[str, list[Any]] = {name: [] for name in index.SCHEMA.names}
        records = read_records(element.shard)
        while batch := list(islice(records, _PARSED)):
            offsets, examples = zip(*batch, strict=True)
            values = _parsed(examples, element.shard, offsets)
            for key in _TEXTS:
                rows[key].extend(values[key])
            rows[index.FILE].extend([element.number] * len(batch))
            rows[index.OFFSET].extend(offsets)
            rows[index.LENGTH].extend(map(len, examples))
            rows[QUALITY].extend(starmap(index.quality, zip(*(values[key] for key in _MEASURED), strict=True)))
        table = pa.table(rows, schema=index.SCHEMA.with_metadata({_CHECKSUM: json.dumps(_checksum(element.shard))}))
        _write_once(element.target, lambda path: write_table(path, table))
        self._images.inc(len(table))
        yield element.target


class _WritePairs(beam.DoFn):
    def __init__(self) -> None:
        self._pairs = Metrics.counter(_NAMESPACE, "pairs_written")

    def process(self, element: PairsToWrite) -> Iterator[str]:
        table = read_table(element.table)
        pixels = _pixels_of_pairs(table, element.shards) if element.shards else {}

        def write(path: str) -> None:
            with create_records(path) as file:
                for batch in table.to_batches(max_chunksize=_ROWS):
                    _write_batch(file, batch, pixels)

        _write_once(element.target, write)
        self._pairs.inc(len(table))
        yield element.target


def _checksum(shard: str) -> PartFile:
    with open_records(shard) as file:
        return checksum(FileSystems.split(shard)[1], iter(lambda: file.read(_BLOCK), b""))


def _write_batch(file: BinaryIO, batch: pa.RecordBatch, pixels: Pixels) -> None:
    columns = batch.to_pydict()
    ids = {side(key, which): columns[side(key, which)] for which in SIDES for key in ID_COLUMNS}
    id_a, id_b = (columns[side(IMAGE_ID, which)] for which in SIDES)
    kinds = [KINDS[number].encode() for number in columns[KIND]]
    records = {
        which: list(zip(*(columns[side(key, which)] for key in RECORD_COLUMNS), strict=True))
        for which in SIDES
        if pixels
    }
    sliced = [zip(*(columns[side(key, which)] for which in SIDES), strict=True) for key in SLICE_COLUMNS if pixels]
    slices = list(starmap(index.slice_features, zip(*sliced, strict=True)))
    for row, kind in enumerate(kinds):
        features: dict[str, bytes | int] = {key: values[row] for key, values in ids.items()}
        features[PAIR_ID] = id_a[row] + b"|" + id_b[row]
        features[KIND] = kind
        features[SAME] = int(kind == GENUINE.encode())
        for which, record in records.items():
            features.update({side(key, which): value for key, value in pixels[record[row]].items()})
        if slices:
            features.update(slices[row])
        write_record(file, encode_example(features))


def _pixels_of_pairs(table: pa.Table, shards: tuple[str, ...]) -> Pixels:
    records: set[Record] = set()
    for which in SIDES:
        records.update(zip(*(table[side(key, which)].to_pylist() for key in RECORD_COLUMNS), strict=True))
    return dict(read_pixels(shards, sorted(records)))


def _parsed(examples: Sequence[bytes], shard: str, offsets: Sequence[int]) -> dict[str, list[Any]]:
    """What the index keeps of some Examples, by feature: parsed together, in a fifth of the time of one by one."""
    try:
        parsed = tf.io.parse_example(tf.constant(examples), _INDEXED)
    except tf.errors.InvalidArgumentError:
        for record, offset in zip(examples, offsets, strict=True):  # which of them, and what of it
            example = tf.train.Example.FromString(record)
            for key in _INDEXED:
                _scalar(example, key, shard, offset)
        raise
    return {key: values.numpy().tolist() for key, values in parsed.items()}


def _scalar(example: tf.train.Example, key: str, shard: str, offset: int) -> Any:
    feature = example.features.feature[key]
    kind = feature.WhichOneof("kind")
    values: Sequence[Any] = getattr(feature, kind).value if kind else ()
    if len(values) != 1:
        raise ValueError(f"{shard}: the Example at byte {offset} has {len(values)} values of {key!r}, not one")
    return values[0]


def _write_once(target: str, write: Callable[[str], None]) -> None:
    # Two attempts may run at the same time: the name differs, the bytes do not.
    temporary = f"{target}.{uuid.uuid4().hex}"
    write(temporary)
    FileSystems.rename([temporary], [target])
