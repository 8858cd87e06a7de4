"""Scoring of real pair Examples with real SavedModels."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils
from tiny_model import COLOUR, GREY, pair_example, patterns

from components.artifact_types import PairScores
from components.pair_scores.executor import Executor
from components.pair_scores.scoring import PairModel, write_scores
from components.pair_scores.table import FILE, SCHEMA, ScoredPairs, read_scores
from models.data import features

OTHER_SIZE = COLOUR  # of another number of channels
COUNT = 300  # more than a batch holds
IMAGES = patterns(40, GREY, seed=8)
SLICED = {features.GROUP: "Ωmega", features.IDENTITY_SIZE: "5-9", features.QUALITY: "good"}


def pair_of(number):
    """Genuine pairs of images 2k and 2k+1, impostors of any two; images 2k and 2k+1 show identity k."""
    same = number % 2 == 0
    a = (2 * number) % 40
    return a, (a + 1) % 40 if same else (a + 2 + number // 40) % 40, same


def record(number, sliced=True):
    a, b, same = pair_of(number)
    example = tf.train.Example.FromString(pair_example(IMAGES[a], IMAGES[b]))
    texts = {
        features.PAIR_ID: f"{a:02}.png|{b:02}.png#{number}",
        features.KIND: features.GENUINE if same else features.RANDOM,
        **(SLICED if sliced else {}),
    }
    for which, image in (("a", a), ("b", b)):
        texts[features.side(features.IMAGE_ID, which)] = f"{image:02}.png"
        texts[features.side(features.IDENTITY, which)] = f"person {image // 2}"
    for key, text in texts.items():
        example.features.feature[key].bytes_list.value.append(text.encode())
    example.features.feature[features.SAME].int64_list.value.append(int(same))
    return example.SerializeToString()


def write_records(folder: Path, *shards):
    folder.mkdir(parents=True)
    for number, records in enumerate(shards):
        with tf.io.TFRecordWriter(str(folder / f"pairs-{number:05}-of-{len(shards):05}")) as writer:
            for one in records:
                writer.write(one)
    return str(folder)


@pytest.fixture(scope="module")
def records():
    return [record(number, sliced=number != 4) for number in range(COUNT)]


@pytest.fixture(scope="module")
def table(tmp_path_factory, records, exported, export_of):
    """Of a candidate and a served model of another input size; three shards, one of them empty."""
    folder = tmp_path_factory.mktemp("scored")
    pairs = write_records(folder / "pairs", records[:100], [], records[100:])
    served = PairModel(export_of(OTHER_SIZE).path)
    assert write_scores(pairs, folder / "scores", PairModel(exported.path), served) == COUNT
    return read_scores(str(folder / "scores"))


def test_every_pair_has_a_row_in_the_order_of_generation(table):
    assert table.schema.equals(SCHEMA)
    rows = table.to_pylist()
    assert len(rows) == COUNT
    for number in (0, 1, 99, 100, 255, 256, COUNT - 1):
        a, b, same = pair_of(number)
        row = rows[number]
        assert row["pair_id"] == f"{a:02}.png|{b:02}.png#{number}"
        assert (row["image_a"], row["image_b"]) == (f"{a:02}.png", f"{b:02}.png")
        assert (row["identity_a"], row["identity_b"]) == (f"person {a // 2}", f"person {b // 2}")
        assert (row["kind"], row["same"]) == (("genuine", 1) if same else ("impostor_random", 0))
        assert (row["group"], row["identity_size"], row["quality"]) == ("Ωmega", "5-9", "good")


def test_an_absent_slice_is_empty(table):
    row = table.to_pylist()[4]
    assert (row["group"], row["identity_size"], row["quality"]) == ("", "", "")


def test_scores_are_those_of_the_signature(table, records, exported, export_of):
    for model, prefix in ((exported, ""), (export_of(OTHER_SIZE), "baseline_")):
        signature = model.signatures["serving_default"]
        whole = signature(tf.constant(records))
        for name in ("score", "distance"):
            np.testing.assert_allclose(table[prefix + name].to_numpy(), whole[name].numpy(), rtol=1e-5, atol=1e-6)
        alone = signature(tf.constant(records[256:257]))
        assert table[f"{prefix}score"][256].as_py() == pytest.approx(alone["score"].numpy()[0], abs=1e-5)
    assert not np.allclose(table["score"].to_numpy(), table["baseline_score"].to_numpy(), atol=1e-3)


def test_pixels_are_compared_as_they_are(table):
    a, b, _ = pair_of(1)
    difference = IMAGES[a].astype(float) - IMAGES[b].astype(float)
    assert table["pixel_distance"][1].as_py() == pytest.approx(np.sqrt((difference**2).mean()) / 255, rel=1e-5)
    assert 0 < min(table["pixel_distance"].to_pylist()) < max(table["pixel_distance"].to_pylist()) <= 1


def test_the_table_as_arrays(table):
    pairs = ScoredPairs.of(table)
    assert pairs.same.dtype == bool and pairs.same.tolist() == [number % 2 == 0 for number in range(COUNT)]
    assert pairs.score.dtype == pairs.baseline_score.dtype == np.float64
    kept = pairs.take(np.arange(COUNT) < 3)
    assert [len(column) for column in (kept.same, kept.score, kept.baseline_distance, kept.pixel_distance)] == [3] * 4
    assert kept.identities[0].tolist() == ["person 0", "person 1", "person 2"]
    assert kept.images[0].tolist() == ["00.png", "02.png", "04.png"]
    assert kept.slices["kind"].tolist() == ["genuine", "impostor_random", "genuine"]


def executed(folder, records, models, wired=True):
    examples = standard_artifacts.Examples()
    examples.uri = str(folder / "examples")
    examples.split_names = artifact_utils.encode_split_names(["train", "test"])
    write_records(Path(examples.uri) / "Split-test", records)
    artifacts = []
    for number, model in enumerate(models):
        artifact = standard_artifacts.Model()
        artifact.uri = str(folder / f"model{number}")
        Path(artifact.uri).mkdir()
        Path(path_utils.serving_model_dir(artifact.uri)).symlink_to(model.path)
        artifacts.append([artifact])
    scores = PairScores()
    scores.uri = str(folder / "scores")
    inputs = {"examples": [examples], "model": artifacts[0]}
    if wired:
        inputs["baseline_model"] = artifacts[1] if len(artifacts) > 1 else []
    Executor().Do(inputs, {"scores": [scores]}, {})
    return scores


@pytest.mark.parametrize("wired", [True, False])
def test_where_nothing_serves_the_baseline_is_null(tmp_path, records, exported, wired):
    scores = executed(tmp_path, records[:5], [exported], wired)
    assert scores.get_int_custom_property("pairs") == 5
    table = pq.read_table(str(Path(scores.uri) / FILE))
    assert table["baseline_score"].null_count == table["baseline_distance"].null_count == 5
    pairs = ScoredPairs.of(table)
    assert pairs.baseline_score is None and pairs.baseline_distance is None
    assert pairs.take(pairs.same).baseline_score is None


def test_the_served_model_is_the_baseline(tmp_path, records, exported):
    scores = executed(tmp_path, records[:5], [exported, exported])
    pairs = ScoredPairs.of(read_scores(scores.uri))
    np.testing.assert_array_equal(pairs.score, pairs.baseline_score)


def test_no_pairs_make_an_empty_table(tmp_path, exported):
    pairs = write_records(tmp_path / "pairs", [])
    assert write_scores(pairs, tmp_path / "scores", PairModel(exported.path), None) == 0
    empty = ScoredPairs.of(read_scores(str(tmp_path / "scores")))
    assert len(empty.same) == 0 and empty.baseline_score is None


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.data-00000-of-00001"])
def test_a_damaged_model_is_named(tmp_path, exported, name):
    copy = tmp_path / "model"
    shutil.copytree(exported.path, copy)
    content = (copy / name).read_bytes()
    (copy / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(RuntimeError, match=f"{copy}: the model is damaged, it cannot be loaded: .*[a-z]"):
        PairModel(copy)
