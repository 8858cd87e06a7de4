"""The page of a run on the cluster: the one that it drew, or, of a run that failed, one of what it left."""

import tempfile
from pathlib import Path
from typing import Any

from components.run_report.lineage import lineage_lines
from components.run_report.page import render, write_text
from components.run_report.reading import content_of
from components.run_report.record import RunRecord
from components.run_report.summary import FAILED, USER_ERROR, RunSummary
from components.run_report.versions import versions
from models.errors import UserError
from pipeline.config import Config
from pipeline.runners.kubeflow.left import PipelineRoot
from pipeline.runners.kubeflow.verdict import Failure


def write_run_page(
    root: str, result: dict[str, Any], failure: Failure | None, seconds: dict[str, float], config: Config, to: Path
) -> Path:
    """Writes the page of a run that has ended; returns where it lies.

    Args:
      root: the pipeline root.
      result: of following the run.
      failure: the first node that failed, or none.
      seconds: of each node that ended.
      config: of the run, for a page that is drawn here.
      to: the file.

    Raises:
      UserError: the pipeline root cannot be read from here.
    """
    try:
        left = PipelineRoot(root, result["pipeline"], result["run_id"])
        page = left.page()
    except Exception as error:
        raise UserError(f"{root}: cannot be read from here: {' '.join(str(error).split())[:300]}") from error
    if page is not None:
        return write_text(page.decode("utf-8"), to)
    with tempfile.TemporaryDirectory() as folder:
        record = RunRecord(left.fetch(Path(folder)))
        summary = RunSummary(
            run_id=result["run_id"],
            status="failed",
            exit_code=FAILED,
            seed=config.seed,
            config=config.model_dump(mode="json"),
            config_digest=config.digest(),
            versions=versions(),
        )
        record.fill(summary)
        summary.timings = seconds
        if result["skipped"]:
            summary.status, summary.exit_code, summary.skipped = "skipped", 0, result["skipped"]
        else:
            summary.status, summary.exit_code = "failed", USER_ERROR if failure and failure.mend else FAILED
            summary.failed_component = failure.node if failure else None
            summary.error = failure.reason if failure else result["error"] or f"the run is {result['state'].lower()}"
        lineage = lineage_lines(
            record.lineage(summary.run_id, {"ImageExampleGen": {"data_root": config.data.source or "the images"}}),
            summary,
        )
        return write_text(render(content_of(record, summary, lineage, record.quarantine())), to)
