"""Reads the verdicts and the push, writes the outcome, sends the alert; then fails the run if that is configured."""

import logging
from pathlib import Path
from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.artifact_types import Artifacts, write_file
from components.run_outcome.artifacts import gates_in
from components.run_outcome.settings import AlertSettings
from components.run_outcome.verdict import OUTCOME_FILE, Outcome, with_push
from components.run_outcome.webhook import notify
from models.errors import GateRefusal

logger = logging.getLogger("siamese.outcome")


class Executor(base_executor.BaseExecutor):
    """The event "outcome" in the log has the fields of ``outcome.json``."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Writes ``outcome`` and sends it to the webhook."""
        pushed = artifact_utils.get_single_instance(input_dict["pushed_model"])
        version = pushed.get_string_custom_property("pushed_version")
        outcome = Outcome.of_push(
            pushed.get_int_custom_property("pushed") == 1,
            pushed.get_int_custom_property("already_serving") == 1,
            int(version) if version else None,
            name=exec_properties["pipeline_name"],
            run_id=exec_properties["run_id"],
            gates=with_push(gates_in(input_dict), pushed.get_string_custom_property("declined")),
        )
        artifact = artifact_utils.get_single_instance(output_dict["outcome"])
        write_file(artifact, OUTCOME_FILE, outcome.model_dump_json(indent=2) + "\n")
        artifact.set_string_custom_property("status", outcome.status)
        artifact.set_string_custom_property("sentence", outcome.sentence)
        logger.info("%s", outcome.sentence, extra={"event": "outcome", "details": outcome.model_dump(mode="json")})

        if not_sent := notify(AlertSettings.model_validate_json(exec_properties["alerts"]), outcome):
            artifact.set_string_custom_property("alert", not_sent)


class GateExecutor(base_executor.BaseExecutor):
    """Fails if the model was refused."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Reads the outcome.

        Raises:
          GateRefusal: the model was refused.
        """
        folder = Path(artifact_utils.get_single_uri(input_dict["outcome"]))
        outcome = Outcome.model_validate_json((folder / OUTCOME_FILE).read_text(encoding="utf-8"))
        if outcome.status == "refused":
            raise GateRefusal(outcome.sentence)
