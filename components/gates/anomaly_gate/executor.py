"""Reads the ExampleValidator's anomalies, compares splits and spans; stops the run if the data is refused."""

from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies
from tfx.components.example_validator.executor import DEFAULT_FILE_NAME
from tfx.components.schema_gen.executor import DEFAULT_FILE_NAME as SCHEMA_FILE
from tfx.components.statistics_gen.executor import DEFAULT_FILE_NAME as STATISTICS_FILE
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact
from tfx.utils.io_utils import SchemaReader

from components.artifact_types import Artifacts
from components.gates.anomaly_gate.feature_distances import write_distances
from components.gates.anomaly_gate.reasons import Compared, Statistics, drift, reasons, skew
from components.run_outcome.artifacts import write_verdict
from components.run_outcome.verdict import DataRefused, GateResult
from models.data.features import PREVIOUS, TEST, TRAIN, VAL

GATE = "anomalies"


class Executor(base_executor.BaseExecutor):
    """Raises ``DataRefused`` for anomalies, skew and drift."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Writes a passed verdict.

        Raises:
          DataRefused: a split has anomalies, differs from train or has drifted; the message has a sentence for each.
        """
        anomalies = artifact_utils.get_single_instance(input_dict["anomalies"])
        found = [
            sentence
            for split in artifact_utils.decode_split_names(anomalies.split_names)
            for sentence in reasons(split, Anomalies.FromString(_read(anomalies, split, DEFAULT_FILE_NAME)))
        ]
        if found:
            raise _refused("data-anomalies", f"the data does not match the schema: {' '.join(found)}")
        statistics = artifact_utils.get_single_instance(input_dict["statistics"])
        schema = SchemaReader().read(str(Path(artifact_utils.get_single_uri(input_dict["schema"])) / SCHEMA_FILE))
        compared = _compare(statistics, schema, exec_properties["min_images"])
        if found := [sentence for one in compared for sentence in one.reasons]:
            raise _refused(
                "data-drift",
                f"the images differ: {' '.join(found)} If that is intended, raise data.validation.drift or "
                "data.validation.skew, or review the schema (data.schema_file)",
            )
        notes = dict.fromkeys(one.note for one in compared if one.note)
        passed = GateResult(name=GATE, passed=True, reason="; ".join(["no anomaly in the images", *notes]))
        verdict = artifact_utils.get_single_instance(output_dict["verdict"])
        write_verdict(verdict, [passed])
        write_distances(Path(verdict.uri), [distance for one in compared for distance in one.distances])


def _refused(code: str, message: str) -> DataRefused:
    return DataRefused(message, code, [GateResult(name=GATE, passed=False, reason=message)])


def _compare(statistics: Artifact, schema: schema_pb2.Schema, min_images: int) -> list[Compared]:
    there = artifact_utils.decode_split_names(statistics.split_names)
    of = {split: Statistics.FromString(_read(statistics, split, STATISTICS_FILE)) for split in there}
    compared = [skew(of[TRAIN], of[split], split, schema, min_images) for split in (VAL, TEST) if split in of]
    if PREVIOUS in of:
        compared.append(drift(of[TRAIN], of[PREVIOUS], schema, min_images))
    return compared


def _read(artifact: Artifact, split: str, name: str) -> bytes:
    return (Path(artifact_utils.get_split_uri([artifact], split)) / name).read_bytes()
