"""The report that a run has drawn, through a server that can read the pipeline root: without TFX."""

import tempfile
from pathlib import Path

from components.run_report.page import FILE as PAGE
from components.run_report.page import write_text
from pipeline.runners.kubeflow.runs.server import Cluster, Event


def fetch_run_page(cluster: Cluster, root: str, result: Event, to: Path) -> str | None:
    """Writes the report that the run drew, if a server can read the pipeline root; returns which, else None."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / PAGE
        source: str | None = cluster.ask(
            "artifact",
            run_id=result["run_id"],
            pipeline=result["pipeline"],
            namespace=result["namespace"],
            pipeline_root=root,
            node="RunReport",
            pattern=f"*/report/{PAGE}",
            to=str(page),
        )["source"]
        if source:
            write_text(page.read_text(encoding="utf-8"), to)
        return source
