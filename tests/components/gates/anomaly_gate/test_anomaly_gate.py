"""Images through the stock statistics and validation: good data passes, bad data stops the run as the user's error."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.components import ExampleValidator, StatisticsGen
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.channel import Channel
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.gates.anomaly_gate.component import AnomalyGate
from components.run_outcome.verdict import gates_on
from components.schema_source.component import SchemaSource
from components.schema_source.image_schema import as_text, image_schema
from models.data import features
from models.errors import UserError
from models.settings import ImageSettings

IMAGE = ImageSettings(height=8, width=8)
RUNNER = "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"

Example = dict[str, bytes | int | float]


def image_example(number: int) -> Example:
    pixels = bytes([65 + number % 26]) * 64  # valid UTF-8: what TFDV would take for text
    return {
        features.IMAGE_ID: f"person-{number}/image-{number}.png".encode(),
        features.IMAGE_DIGEST: hashlib.sha256(pixels).hexdigest().encode(),
        features.PIXELS: pixels,
        features.HEIGHT: 8,
        features.WIDTH: 8,
        features.CHANNELS: 1,
        features.IDENTITY: f"person-{number}".encode(),
        features.GROUP: b"",
        features.IMPOSTOR_OF: b"",
        features.SOURCE_BYTES: 100 + number,
        features.SPAN: 0,
        features.IDENTITY_IMAGES: 1,
        features.FORMAT: (b"PNG", b"JPEG", b"WEBP")[number % 3],
        features.SOURCE_HEIGHT: 100 + number,
        features.SOURCE_WIDTH: 1,
        features.BRIGHTNESS: 1.0,
        features.CONTRAST: 0.0,
    }


def serialized(example: Example) -> bytes:
    kinds = {
        bytes: lambda value: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value])),
        int: lambda value: tf.train.Feature(int64_list=tf.train.Int64List(value=[value])),
        float: lambda value: tf.train.Feature(float_list=tf.train.FloatList(value=[value])),
    }
    feature = {name: kinds[type(value)](value) for name, value in example.items()}
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


class RecordsExecutor(base_executor.BaseExecutor):
    """Copies what the test wrote."""

    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        examples.split_names = artifact_utils.encode_split_names(list(features.SPLITS))
        for split in features.SPLITS:
            source = Path(exec_properties["folder"]) / split
            target = Path(artifact_utils.get_split_uri([examples], split)) / "data-00000-of-00001.gz"
            target.parent.mkdir(parents=True)
            with tf.io.TFRecordWriter(str(target), options="GZIP") as writer:
                for record in tf.data.TFRecordDataset(str(source)).as_numpy_iterator():
                    writer.write(record)


class RecordsSpec(ComponentSpec):
    INPUTS: ClassVar = {}
    OUTPUTS: ClassVar = {"examples": ChannelParameter(type=standard_artifacts.Examples)}
    PARAMETERS: ClassVar = {"folder": ExecutionParameter(type=str)}


class Records(base_component.BaseComponent):
    """Stands for the ingest."""

    SPEC_CLASS = RecordsSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(RecordsExecutor)


@pytest.fixture
def run(tmp_path) -> Callable[[dict[str, list[Example]]], Path]:
    """Ingest to gate; returns the folder of artifacts."""

    def run(splits: dict[str, list[Example]]) -> Path:
        for split, examples in splits.items():
            with tf.io.TFRecordWriter(str(tmp_path / split)) as writer:
                for example in examples:
                    writer.write(serialized(example))
        records = Records(RecordsSpec(folder=str(tmp_path), examples=Channel(type=standard_artifacts.Examples)))
        schema = SchemaSource(schema_text=as_text(image_schema(IMAGE, drift=0.25, skew=0.9)), code_digest="c")
        statistics = StatisticsGen(examples=records.outputs["examples"], schema=schema.outputs["schema"])
        validator = ExampleValidator(statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"])
        gate = AnomalyGate(
            anomalies=validator.outputs["anomalies"],
            statistics=statistics.outputs["statistics"],
            schema=schema.outputs["schema"],
            min_images=100,
            code_digest="c",
        )
        LocalDagRunner().run(
            Pipeline(
                pipeline_name="anomalies",
                pipeline_root=str(tmp_path / "artifacts"),
                components=[records, schema, statistics, validator, gate],
                metadata_connection_config=metadata.sqlite_metadata_connection_config(str(tmp_path / "m.sqlite")),
                beam_pipeline_args=[RUNNER],
            )
        )
        return tmp_path / "artifacts"

    return run


def good() -> dict[str, list[Example]]:
    return {"train": [image_example(i) for i in range(6)]} | {
        split: [image_example(start + i) for i in range(3)] for split, start in (("val", 10), ("test", 20))
    }


def test_good_images_pass_and_their_pixels_are_never_text(run):
    artifacts = run(good())

    verdict = json.loads(next(artifacts.glob("AnomalyGate/verdict/*/verdict.json")).read_text())
    (gate,) = verdict["gates"]
    assert (gate["name"], gate["passed"]) == ("anomalies", True)
    assert gate["reason"].startswith(
        "no anomaly in the images; skew not computed: train has 6 images and val has 3 images"
    )

    path = next(artifacts.glob("StatisticsGen/statistics/*/Split-train/FeatureStats.pb"))
    dataset = statistics_pb2.DatasetFeatureStatisticsList.FromString(path.read_bytes()).datasets[0]
    pixels = next(feature for feature in dataset.features if feature.path.step == [features.PIXELS])
    assert pixels.WhichOneof("stats") == "bytes_stats"
    assert pixels.bytes_stats.avg_num_bytes == 64
    assert b"AAAA" not in path.read_bytes()


def test_bad_images_stop_the_run_as_the_users_error(run):
    splits = good()
    splits["train"][0][features.HEIGHT] = 9
    splits["train"][1][features.BRIGHTNESS] = float("nan")
    del splits["val"][0][features.IDENTITY]
    splits["val"][1]["unheard_of"] = 1
    splits["test"] = []

    with pytest.raises(UserError) as caught:
        run(splits)

    message = str(caught.value)
    assert caught.value.code == "data-anomalies"
    assert [(gate.name, gate.passed, gate.reason) for gate in gates_on(caught.value)] == [("anomalies", False, message)]
    assert "split train, brightness: " in message
    assert "\n" not in message
    for named in (
        "split train, height: ",
        "split val, identity: The feature was present in fewer examples than expected",
        "split val, unheard_of: ",
        "split test: it holds no",
    ):
        assert named in message
