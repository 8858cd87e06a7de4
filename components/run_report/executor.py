"""The executor of RunReport: reads the run's artifacts, writes its summary and its page."""

import json
import logging
from pathlib import Path
from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.artifact_types import Artifacts
from components.run_outcome.summary import RunSummary
from components.run_record.lineage import lineage_lines
from components.run_record.record import RunRecord
from components.run_report.content import load_content
from components.run_report.page import FILE, write_report

logger = logging.getLogger("siamese.report")


class Executor(base_executor.BaseExecutor):
    """A page that cannot be rendered does not fail the run: its model is pushed already, and the summary exists."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Writes ``summary.json`` and ``report.html`` into ``report``."""
        record = RunRecord.of(input_dict)
        config = json.loads(exec_properties["config"])
        summary = RunSummary.begun(exec_properties["run_id"], config, exec_properties["config_digest"])
        record.fill(summary)
        folder = Path(artifact_utils.get_single_uri(output_dict["report"]))
        folder.mkdir(parents=True, exist_ok=True)
        summary.write(folder)
        parameters = {node: {"code_digest": code} for node, code in json.loads(exec_properties["codes"]).items()}
        parameters.setdefault("ImageExampleGen", {})["data_root"] = exec_properties["data_root"]
        lineage = lineage_lines(record.lineage(summary.run_id, parameters), summary)
        try:
            content = load_content(record, summary, lineage, record.quarantine(), exec_properties["data_root"])
            write_report(content, folder / FILE)
        except Exception:
            logger.exception("the report page could not be rendered; summary.json has the metrics")
