"""The report of a run on the cluster: the one that it drew, or one drawn here from its artifacts."""

import tempfile
from pathlib import Path

from components.run_outcome.summary import RunSummary
from components.run_record.lineage import lineage_lines
from components.run_record.record import RunRecord
from components.run_report.content import load_content
from components.run_report.page import render, write_text
from models.errors import UserError
from pipeline.config.configuration import Config
from pipeline.runners.kubeflow.runs.run_artifacts import RunInRoot
from pipeline.runners.kubeflow.runs.server import Event
from pipeline.runners.kubeflow.runs.watch import Watch, verdict_of


def write_run_page(root: str, result: Event, watched: Watch, config: Config | None, to: Path) -> None:
    """Writes the report of a run that has ended, with keys for its pipeline root.

    A run that failed is reported without them as well: its verdict and the time of each node.

    Args:
      root: the pipeline root.
      result: of following the run.
      watched: the run as it was followed.
      config: of the run, for a report that is drawn here; None if it is not known.
      to: the file.

    Raises:
      UserError: the pipeline root cannot be read from here, or has no artifact of the run.
    """
    artifacts: RunInRoot | None = None
    page = None
    try:
        artifacts = RunInRoot(root, result["pipeline"], result["run_id"])
        page = artifacts.page()
    except Exception as error:
        if result["state"] != "FAILED":
            message = f"{root}: cannot be read from here: {' '.join(str(error).split())[:300]}"
            raise UserError(message, code="kubeflow-root-unreadable") from error
        artifacts = None
    if page is not None:
        write_text(page.decode("utf-8"), to)
        return
    values = config.model_dump(mode="json") if config else {}
    summary = RunSummary.begun(result["run_id"], values, config.digest() if config else "")
    with tempfile.TemporaryDirectory() as folder:
        record = RunRecord(*(artifacts.fetch(Path(folder)) if artifacts is not None else ({}, {})))
        record.fill(summary)
        summary.timings = watched.seconds
        outcome = verdict_of(result, watched.failure, root).outcome
        if outcome is None:
            raise UserError(
                f"run {summary.run_id}: it succeeded, but neither its report nor its outcome is in its root",
                code="kubeflow-no-outcome",
            )
        gates = outcome.gates if outcome.status in ("pushed", "refused") else []
        summary.conclude(outcome.model_copy(update={"gates": gates or [*summary.gates, *outcome.gates]}))
        source = config.data.source if config else None
        lineage = record.lineage(summary.run_id, {"ImageExampleGen": {"data_root": source or "the run's images"}})
        content = load_content(record, summary, lineage_lines(lineage, summary), record.quarantine())
        write_text(render(content), to)
