"""Reads the verdicts and the push, writes the outcome, tells it; then fails the run where that is asked for."""

import logging
from pathlib import Path
from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.types.artifact import Artifact

from components.run_outcome.floors_gate import limits_gate
from components.run_outcome.gate_verdict import read_verdict
from components.run_outcome.outcome import OUTCOME_FILE, Outcome, push_gates, webhook_body
from components.run_outcome.settings import AlertSettings
from components.run_outcome.webhook import send
from models.errors import GateRefusal

logger = logging.getLogger("siamese.outcome")


class Executor(base_executor.BaseExecutor):
    """The event "outcome" in the log has the fields of ``outcome.json``."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes ``outcome`` and tells it."""
        self._log_startup(input_dict, output_dict, exec_properties)
        outcome = _outcome(input_dict, exec_properties)
        artifact = artifact_utils.get_single_instance(output_dict["outcome"])
        Path(artifact.uri).mkdir(parents=True, exist_ok=True)
        text = outcome.model_dump_json(indent=2) + "\n"
        (Path(artifact.uri) / OUTCOME_FILE).write_text(text, encoding="utf-8")
        artifact.set_string_custom_property("status", outcome.status)
        artifact.set_string_custom_property("sentence", outcome.sentence)
        logger.info("%s", outcome.sentence, extra={"event": "outcome", "details": outcome.model_dump(mode="json")})

        alerts = AlertSettings.model_validate_json(exec_properties["alerts"])
        if alerts.webhook and outcome.kind in alerts.on:
            send(alerts.webhook, webhook_body(outcome))


class GateExecutor(base_executor.BaseExecutor):
    """Fails where the model was refused."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Does nothing.

        Raises:
          GateRefusal: the model was refused.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        folder = Path(artifact_utils.get_single_uri(input_dict["outcome"]))
        outcome = Outcome.model_validate_json((folder / OUTCOME_FILE).read_text(encoding="utf-8"))
        if outcome.status == "refused":
            raise GateRefusal(outcome.sentence)


def _outcome(input_dict: dict[str, list[Artifact]], exec_properties: dict[str, Any]) -> Outcome:
    pushed = artifact_utils.get_single_instance(input_dict["pushed_model"])
    evaluation = artifact_utils.get_single_instance(input_dict["evaluation"])
    verdicts = [artifact_utils.get_single_instance(input_dict[key]) for key in ("gate_verdict", "infra_verdict")]
    gates = [limits_gate(evaluation.uri), *(gate for verdict in verdicts for gate in read_verdict(verdict.uri))]
    now, already = (pushed.get_int_custom_property(key) == 1 for key in ("pushed", "already_serving"))
    version = pushed.get_string_custom_property("pushed_version")
    return Outcome(
        name=exec_properties["pipeline_name"],
        run_id=exec_properties["run_id"],
        status="pushed" if now or already else "refused",
        already_serving=already,
        pushed_version=int(version) if version and (now or already) else None,
        gates=push_gates(gates, pushed.get_string_custom_property("declined")),
    )
