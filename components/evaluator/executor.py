"""TFX's Evaluator, and its validation in the form of every other gate."""

from typing import Any

from tfx.components.evaluator import executor as stock
from tfx.types import artifact_utils

from components.artifact_types import Artifacts
from components.evaluator.results import floors_gate
from components.run_outcome.artifacts import write_verdict


class Executor(stock.Executor):
    """Writes ``evaluation`` and ``blessing`` as the stock executor, and ``verdict``."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Evaluates the candidate and the baseline on the test split."""
        super().Do(input_dict, output_dict, exec_properties)
        floors = floors_gate(artifact_utils.get_single_uri(output_dict["evaluation"]))
        write_verdict(artifact_utils.get_single_instance(output_dict["verdict"]), [floors])
