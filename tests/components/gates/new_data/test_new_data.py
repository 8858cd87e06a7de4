"""When is there enough new to train on? Decided on real records and real model folders."""

import hashlib
import logging

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components.artifact_types import BaselineFound, GateVerdict
from components.baseline.report import BaselineReport
from components.gates.new_data.executor import Executor
from components.run_outcome.artifacts import read_verdict
from components.run_outcome.verdict import GateResult, gates_on
from models.data.features import IMAGE_DIGEST, PIXELS
from models.errors import NotEnoughNewData
from models.export import seen_images

SERVED = BaselineReport(status="served", version=1795412540)


def digest(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).hexdigest().encode()


def write_images(path, numbers) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number in numbers:
            feature = {
                IMAGE_DIGEST: tf.train.Feature(bytes_list=tf.train.BytesList(value=[digest(number)])),
                PIXELS: tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"pixels"])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())
    return str(path)


def keys(tmp_path, numbers) -> seen_images.Keys:
    return seen_images.keys_in([write_images(tmp_path / "seen" / "shard", numbers)])


@pytest.fixture
def decided(tmp_path):
    """Runs the executor on images 0..29 (train, two shards), 30..39 (val) and others that nobody trains on."""

    def decided(found: BaselineReport, seen: seen_images.Keys | None, minimum: int, ends_run: int = 1):
        images = standard_artifacts.Examples()
        images.uri = str(tmp_path / "images")
        images.splits = ["train", "val", "test", "previous"]
        write_images(tmp_path / "images" / "Split-train" / "a", range(15))
        write_images(tmp_path / "images" / "Split-train" / "b", range(15, 30))
        write_images(tmp_path / "images" / "Split-val" / "a", range(30, 40))
        write_images(tmp_path / "images" / "Split-test" / "a", range(100, 200))
        write_images(tmp_path / "images" / "Split-previous" / "a", range(200, 300))
        model, report, verdict = standard_artifacts.Model(), BaselineFound(), GateVerdict()
        model.uri, report.uri, verdict.uri = (str(tmp_path / name) for name in ("model", "found", "verdict"))
        enough = standard_artifacts.Boolean()
        enough.uri = str(tmp_path / "enough")
        found.write(report.uri)
        if seen is not None:
            seen_images.write(tmp_path / "model" / "Format-Serving", seen)
        inputs = {
            "images": [images],
            "baseline": [report],
            "baseline_model": [model] if found.status == "served" else [],
        }
        properties = {"minimum": minimum, "ends_run": ends_run, "code_digest": "c"}
        Executor().Do(inputs, {"verdict": [verdict], "enough": [enough]}, properties)
        [result] = read_verdict(verdict.uri)
        assert enough.read() is result.passed
        return result

    return decided


def test_enough_new_images_of_train_and_val_let_the_run_go_on(tmp_path, decided):
    result = decided(SERVED, keys(tmp_path, range(5, 35)), 10)
    assert result.passed
    assert result.reason == "10 new images since version 1795412540, 10 required"


def test_too_few_end_it_with_the_figures(tmp_path, decided):
    with pytest.raises(NotEnoughNewData) as raised:
        decided(SERVED, keys(tmp_path, range(5, 35)), 11)
    assert str(raised.value) == "10 new images since version 1795412540, 11 required: what serves still serves"
    assert gates_on(raised.value) == [
        GateResult(name="new_data", passed=False, reason="10 new images since version 1795412540, 11 required")
    ]
    assert not (tmp_path / "verdict").exists()


def test_with_a_runner_that_knows_conditions_the_node_finishes(tmp_path, decided, caplog):
    with caplog.at_level(logging.INFO):
        result = decided(SERVED, keys(tmp_path, range(5, 35)), 11, ends_run=0)
    assert not result.passed
    (event,) = [record for record in caplog.records if getattr(record, "event", "") == "skipped"]
    assert event.details == {"reason": f"{result.reason}: what serves still serves", "gates": [result.model_dump()]}


def test_what_was_removed_since_is_not_new(tmp_path, decided):
    with pytest.raises(NotEnoughNewData, match="0 new images"):
        decided(SERVED, keys(tmp_path, range(1000)), 1)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (SERVED, "version 1795412540, which serves, has no record of the images"),
        (BaselineReport(status="none"), "nothing serves yet"),
        (BaselineReport(status="ignored", version=7), "version 7 serves and is not compared with"),
    ],
    ids=["no record", "nothing serves", "ignored"],
)
def test_where_nothing_can_be_counted_the_run_goes_on_and_says_why(decided, found, reason):
    result = decided(found, None, 1000)
    assert result.passed
    assert result.reason.startswith("not counted: ")
    assert reason in result.reason


def test_a_record_comes_back_sorted_each_image_once(tmp_path):
    found = keys(tmp_path, [3, 1, 2, 3, 1])
    seen_images.write(tmp_path / "model", found)
    assert seen_images.read(tmp_path / "model").tolist() == sorted(int(digest(n)[:16], 16) for n in (1, 2, 3))
    assert (tmp_path / "model" / seen_images.FILE).stat().st_size == 128 + 3 * 8  # NumPy's header, 8 bytes an image


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "other"])
def test_a_damaged_record_is_none(tmp_path, damage):
    path = tmp_path / seen_images.FILE
    seen_images.write(tmp_path, np.arange(100, dtype=np.uint64))
    if damage == "other":
        np.save(path, np.zeros((2, 2)))
    else:
        path.write_bytes({"cut": path.read_bytes()[:300], "text": b"no array", "empty": b""}[damage])
    assert seen_images.read(tmp_path) is None
