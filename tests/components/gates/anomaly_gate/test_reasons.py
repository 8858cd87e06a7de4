"""Anomalies, drift since the span before and skew between splits as sentences: of real statistics of made-up images."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.components.example_validator.executor import DEFAULT_FILE_NAME as ANOMALIES_FILE
from tfx.components.schema_gen.executor import DEFAULT_FILE_NAME as SCHEMA_FILE
from tfx.components.statistics_gen.executor import DEFAULT_FILE_NAME as STATISTICS_FILE
from tfx.types import artifact_utils, standard_artifacts

from components.artifact_types import GateVerdict
from components.gates.anomaly_gate.executor import Executor
from components.gates.anomaly_gate.feature_distances import read_distances
from components.gates.anomaly_gate.reasons import Statistics, drift, reasons, skew
from components.run_outcome.verdict import DataRefused
from components.schema_source.image_schema import as_text, image_schema
from models.data import features
from models.settings import ImageSettings

SCHEMA = image_schema(ImageSettings(), drift=0.25, skew=0.5)


def statistics(count: int = 300, seed: int = 0, dark: float = 1.0, jpeg: float = 0.1, size: int = 1, span: int = 7):
    random = np.random.default_rng(seed)
    images = pd.DataFrame(
        {
            features.BRIGHTNESS: random.beta(8, 5, count) * dark,
            features.CONTRAST: random.beta(3, 9, count),
            features.SOURCE_BYTES: random.integers(900, 1800, count) * size,
            features.FORMAT: np.where(random.random(count) < jpeg, "JPEG", "PNG"),
            features.GROUP: np.where(random.random(count) < 0.5, "Greek", "Latin"),
            features.SPAN: np.full(count, span),
        }
    )
    return tfdv.generate_statistics_from_dataframe(images)


def test_images_of_the_same_kind_pass():
    for compared in (
        drift(statistics(), statistics(seed=1), SCHEMA, 100),
        skew(statistics(), statistics(120, seed=2), "val", SCHEMA, 100),
    ):
        assert compared[:2] == ([], "")
        assert {"brightness", "contrast", "format"} <= {one.feature for one in compared.distances}
        assert all(0 <= one.value <= one.allowed for one in compared.distances)
        assert [one.value for one in compared.distances] == sorted(
            (one.value for one in compared.distances), reverse=True
        )


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"dark": 0.7}, "brightness has drifted since span 7: median 0.6"),
        ({"jpeg": 0.9}, "format has drifted since span 7: "),
        ({"size": 4}, "source_bytes has drifted since span 7: median 1.3"),
    ],
)
def test_images_of_another_kind_are_reported_with_figures(changed, expected):
    ((sentence,), _, distances) = drift(statistics(), statistics(seed=1, **changed), SCHEMA, 100)
    assert [one.feature for one in distances if one.value > one.allowed] == [expected.partition(" ")[0]]
    assert {one.other for one in distances} == {"span 7"}
    assert sentence.startswith(expected)
    assert " now, " in sentence
    assert sentence.endswith(", 0.25 allowed).")


def test_a_split_of_another_kind_is_reported():
    (sentences, _, _) = skew(statistics(), statistics(seed=1, dark=0.4, jpeg=0.95), "test", SCHEMA, 100)
    assert [sentence.partition(":")[0] for sentence in sentences] == [
        "brightness differs between train and test",
        "format differs between train and test",
    ]
    assert "% in train, " in sentences[1]


def test_few_images_are_not_compared_and_the_note_says_so():
    other = statistics(30, dark=0.3)
    assert drift(statistics(), other, SCHEMA, 100) == (
        [],
        "drift not computed: span 7 has 30 images, at least 100 are needed",
        (),
    )
    assert skew(statistics(), other, "val", SCHEMA, 100).note.startswith("skew not computed: val has 30 images")


def test_a_schema_without_comparators_compares_nothing():
    plain = image_schema(ImageSettings())
    assert drift(statistics(), statistics(dark=0.3), plain, 100) == ([], "", ())


@pytest.fixture(name="verdict")
def _verdict(tmp_path):
    """Runs the executor on statistics; returns the reason of its verdict."""

    def run(splits: dict[str, Statistics]) -> str:
        made = standard_artifacts.ExampleStatistics(), standard_artifacts.ExampleAnomalies()
        for artifact, name in zip(made, ("statistics", "anomalies"), strict=True):
            artifact.uri = str(tmp_path / name)
        made[0].split_names = artifact_utils.encode_split_names(list(splits))
        made[1].split_names = artifact_utils.encode_split_names(list(features.SPLITS))
        for artifact, file, contents in (
            (made[0], STATISTICS_FILE, splits),
            (made[1], ANOMALIES_FILE, dict.fromkeys(features.SPLITS, anomalies_pb2.Anomalies(baseline={}))),
        ):
            for split, content in contents.items():
                folder = Path(artifact_utils.get_split_uri([artifact], split))
                folder.mkdir(parents=True)
                (folder / file).write_bytes(content.SerializeToString())
        schema, out = standard_artifacts.Schema(), GateVerdict()
        schema.uri, out.uri = str(tmp_path / "schema"), str(tmp_path / "verdict")
        Path(schema.uri).mkdir()
        (Path(schema.uri) / SCHEMA_FILE).write_text(as_text(SCHEMA))
        inputs = {"statistics": [made[0]], "anomalies": [made[1]], "schema": [schema]}
        Executor().Do(inputs, {"verdict": [out]}, {"min_images": 100})
        return json.loads((tmp_path / "verdict" / "verdict.json").read_text())["gates"][0]["reason"]

    return run


def test_drift_stops_the_run_with_the_gates_result(verdict):
    splits = {split: statistics(seed=number) for number, split in enumerate(features.SPLITS)}
    with pytest.raises(DataRefused) as caught:
        verdict({**splits, features.PREVIOUS: statistics(seed=9, dark=0.6, span=6)})
    assert caught.value.code == "data-drift"
    (gate,) = caught.value.gates
    assert (gate.name, gate.passed, gate.reason) == ("anomalies", False, str(caught.value))
    assert "brightness has drifted since span 6: median 0.609 now, 0.38 then" in gate.reason
    assert "\n" not in gate.reason


def test_what_was_not_compared_is_in_the_verdict_and_distances_are_beside_it(verdict, tmp_path):
    splits = {split: statistics(seed=number) for number, split in enumerate(features.SPLITS)}
    reason = verdict({**splits, features.PREVIOUS: statistics(40)})
    assert reason == "no anomaly in the images; drift not computed: span 7 has 40 images, at least 100 are needed"
    assert {one.other for one in read_distances(tmp_path / "verdict")} == {features.VAL, features.TEST}
    (tmp_path / "verdict" / "distances.json").write_text("[")
    assert read_distances(tmp_path / "verdict") == read_distances(tmp_path) == []


def test_no_anomaly_no_reason():
    assert reasons("train", anomalies_pb2.Anomalies(baseline={})) == []


def test_each_anomaly_is_one_sentence_in_the_order_of_the_features():
    anomalies = text_format.Parse(
        """
        anomaly_info { key: "width" value { path { step: "width" } description: "Too\\nlarge: 9" } }
        anomaly_info { key: "\\\\'odd\\\\'" value { path { step: "odd" } short_description: "New column" } }
        dataset_anomaly_info { description: "Too few examples." }
        data_missing: true
        """,
        anomalies_pb2.Anomalies(),
    )

    assert reasons("val", anomalies) == [
        "split val, odd: New column.",
        "split val, width: Too large: 9.",
        "split val: Too few examples.",
        "split val: it holds no examples.",
    ]
