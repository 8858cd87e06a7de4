"""The page of a run on the cluster: the one that it drew, or one of what it left."""

import tempfile
from pathlib import Path
from typing import Any

from components.run_outcome.outcome import Outcome
from components.run_outcome.summary import RunSummary
from components.run_record.lineage import lineage_lines
from components.run_record.record import RunRecord
from components.run_report.loader import load_content
from components.run_report.page import render, write_text
from models.errors import ExitCode, UserError
from pipeline.config.configuration import Config
from pipeline.runners.kubeflow.runs.outcome import Failure, outcome_of
from pipeline.runners.kubeflow.runs.run_artifacts import RunInRoot


def write_run_page(
    root: str,
    result: dict[str, Any],
    failure: Failure | None,
    seconds: dict[str, float],
    config: Config | None,
    to: Path,
) -> Path:
    """Writes the page of a run that has ended; returns where it lies.

    Args:
      root: the pipeline root.
      result: of following the run.
      failure: the first node that failed, or none.
      seconds: of each node that ended.
      config: of the run, for a page that is drawn here; none where that is not known.
      to: the file.

    Raises:
      UserError: the pipeline root cannot be read from here, or has nothing of the run.
    """
    try:
        left = RunInRoot(root, result["pipeline"], result["run_id"])
        page = left.page()
    except Exception as error:
        raise UserError(f"{root}: cannot be read from here: {' '.join(str(error).split())[:300]}") from error
    if page is not None:
        return write_text(page.decode("utf-8"), to)
    given = config.model_dump(mode="json") if config else {}
    summary = RunSummary.begun(result["run_id"], given, config.digest() if config else "")
    with tempfile.TemporaryDirectory() as folder:
        record = RunRecord(left.fetch(Path(folder)))
        record.fill(summary)
        summary.timings = seconds
        _end(summary, result, outcome_of(result, root), failure)
        source = config.data.source if config else None
        lineage = record.lineage(summary.run_id, {"ImageExampleGen": {"data_root": source or "the run's images"}})
        content = load_content(record, summary, lineage_lines(lineage, summary), record.quarantine())
        return write_text(render(content), to)


def _end(summary: RunSummary, result: dict[str, Any], outcome: Outcome | None, failure: Failure | None) -> None:
    """What the run came to: by its outcome, or by how it ended where it has none."""
    if outcome:
        summary.already_serving, summary.pushed_version = outcome.already_serving, outcome.pushed_version
        summary.end(outcome.status == "pushed")
    elif result["skipped"]:
        summary.status, summary.exit_code, summary.skipped = "skipped", ExitCode.SKIPPED, result["skipped"]
    elif failure and failure.refused:
        summary.end(pushed=False)
    elif str(result["state"]).upper() == "SUCCEEDED":
        raise UserError(f"run {summary.run_id}: it succeeded, and left neither its page nor its outcome in its root")
    else:
        summary.status, summary.exit_code = (
            "failed",
            ExitCode.USER_ERROR if failure and failure.mend else ExitCode.FAILED,
        )
        summary.failed_component = failure.node if failure else None
        summary.error = failure.reason if failure else result["error"] or f"the run is {result['state'].lower()}"
