"""The executor of ModelCard: reads the artifacts of the model, writes the card."""

import json
from datetime import datetime, timezone
from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.artifact_types import Artifacts, write_file
from components.model_card.card import model_card
from components.model_card.settings import ModelCardSettings
from components.run_outcome.summary import RunSummary
from components.run_record.record import RunRecord
from models.export.manifest import CARD_FILE

_UNKNOWN = "# Model card\n\n**This model must not be used**: its manifest is missing or damaged.\n"


class Executor(base_executor.BaseExecutor):
    """Writes the card of a refused model, too, which begins with the refusal."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Writes ``model_card.md`` into ``card``."""
        record = RunRecord.of(input_dict)
        config = json.loads(exec_properties["config"])
        summary = RunSummary.begun(exec_properties["run_id"], config, exec_properties["config_digest"])
        record.fill(summary)
        model = record.manifest()
        settings = ModelCardSettings.model_validate(config["model_card"])
        made = datetime.now(timezone.utc).strftime("%Y-%m-%d")
        card = model_card(summary, model, settings, made) if model else _UNKNOWN
        write_file(artifact_utils.get_single_instance(output_dict["card"]), CARD_FILE, card)
