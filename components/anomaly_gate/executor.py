"""Reads the ExampleValidator's anomalies and lets the run go on, or not."""

from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.components.example_validator.executor import DEFAULT_FILE_NAME
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact

from components.anomaly_gate.reasons import reasons
from components.verdict.artifacts import write_verdict
from components.verdict.result import GateResult
from models.errors import UserError

GATE = "anomalies"


class Executor(base_executor.BaseExecutor):
    """Turns anomalies into the user's error."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes a passed verdict.

        Raises:
          UserError: some split has anomalies; the message has a sentence for each.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        anomalies = artifact_utils.get_single_instance(input_dict["anomalies"])
        found = [
            sentence
            for split in artifact_utils.decode_split_names(anomalies.split_names)
            for sentence in reasons(split, _read(anomalies, split))
        ]
        if found:
            raise UserError(f"the data does not match the schema: {' '.join(found)}")
        passed = GateResult(name=GATE, passed=True, reason="no anomaly in the images")
        write_verdict(artifact_utils.get_single_instance(output_dict["verdict"]), [passed])


def _read(artifact: Artifact, split: str) -> anomalies_pb2.Anomalies:
    path = Path(artifact_utils.get_split_uri([artifact], split)) / DEFAULT_FILE_NAME
    return anomalies_pb2.Anomalies.FromString(path.read_bytes())
