from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to

from components.pair_generator import index
from components.pair_generator.transforms import (
    ID_COLUMNS,
    RECORD_COLUMNS,
    SLICE_COLUMNS,
    IndexShards,
    PairsToWrite,
    ShardToIndex,
    WritePairs,
    read_table,
    write_table,
)
from components.storage.tfrecords import create_records, find_shards, write_record
from models.data.features import CHANNELS, IDENTITY_SIZE, IMAGE_ID, KIND, PIXELS, QUALITY, SIDES, side


def run(tasks, transform):
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        written = pipeline | beam.Create(tasks) | transform
        assert_that(written, equal_to([task.target for task in tasks]))


def indexed(root: Path, tmp_path: Path) -> tuple[list[str], pa.Table]:
    shards = find_shards(str(root / "Split-test"))
    tasks = [ShardToIndex(shard, number, str(tmp_path / f"{number}.index")) for number, shard in enumerate(shards)]
    run(tasks, IndexShards())
    return shards, pa.concat_tables(read_table(task.target) for task in tasks)


def test_every_image_gets_a_row(write_images, splits, tmp_path: Path):
    _, table = indexed(write_images({"test": splits["test"]}), tmp_path)
    assert table.schema == index.SCHEMA
    assert sorted(name.decode() for name in table[IMAGE_ID].to_pylist()) == sorted(image[0] for image in splits["test"])


@pytest.mark.parametrize("with_pixels", [False, True])
def test_pairs_are_written_with_the_pixels_of_their_own_images(
    write_images, read_examples, splits, tmp_path: Path, with_pixels
):
    root = write_images({"test": splits["test"]})
    shards, table = indexed(root, tmp_path)
    table = table.append_column(index.IDENTITY_IMAGES, pa.array([1 + n for n in range(len(table))], pa.int32()))
    columns = dict.fromkeys((*ID_COLUMNS, *RECORD_COLUMNS, *SLICE_COLUMNS))
    ends = {"a": [0, 3, 0], "b": [7, 5, 19]}
    pairs = {side(name, which): table[name].take(pa.array(ends[which])) for which in SIDES for name in columns}
    write_table(str(tmp_path / "pairs"), pa.table({**pairs, KIND: pa.array([0, 1, 2], pa.int8())}))
    task = PairsToWrite(
        str(tmp_path / "pairs"), str(tmp_path / "out" / "p.tfrecord"), tuple(shards) if with_pixels else ()
    )
    run([task], WritePairs())

    pixels_of = {image[IMAGE_ID]: image[PIXELS] for image in read_examples(root / "Split-test")}
    found = read_examples(tmp_path / "out")
    assert [pair["same"] for pair in found] == [1, 0, 0] or [pair["same"] for pair in found] == [1, b"", b""]
    assert [pair["kind"] for pair in found] == [b"genuine", b"impostor_random", b"impostor_same_group"]
    for row, pair in enumerate(found):
        assert pair["pair_id"] == pair["a_image_id"] + b"|" + pair["b_image_id"]
        for which in SIDES:
            assert pair[side(IMAGE_ID, which)] == table[IMAGE_ID][ends[which][row]].as_py()
            assert (side(PIXELS, which) in pair) == (QUALITY in pair) == (IDENTITY_SIZE in pair) == with_pixels
            if with_pixels:
                assert pair[side(PIXELS, which)] == pixels_of[pair[side(IMAGE_ID, which)]]
                assert pair[side(CHANNELS, which)] == 1
                assert pair[QUALITY] == b"small" and pair[IDENTITY_SIZE] == [b"1", b"2-4", b"1"][row]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["p.tfrecord"], "no temporary file is left"


def test_an_example_that_is_no_image_is_named(tmp_path: Path):
    with create_records(str(tmp_path / "bad.tfrecord")) as file:
        write_record(file, b"")
    with pytest.raises(Exception, match=r"bad.tfrecord: the Example at byte 0 has 0 values of 'image_id'"):
        run([ShardToIndex(str(tmp_path / "bad.tfrecord"), 0, str(tmp_path / "x"))], IndexShards())
