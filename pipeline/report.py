"""The page of a run under an output folder: read from its summary, the metadata store and the artifacts."""

import csv
from pathlib import Path

from ml_metadata import metadata_store

from components.pair_scores.table import FILE as SCORES
from components.pair_scores.table import ScoredPairs, read_scores
from components.run_report.content import Content
from components.run_report.summary import FILE, RunSummary
from models.errors import UserError
from models.features import AUGMENTED
from pipeline.lineage import read_lineage
from pipeline.lineage_view import lineage_lines
from pipeline.metadata import Node, nodes_of, read_only

METADATA = "metadata.sqlite"


def run_folder(output: Path, run_id: str) -> Path:
    """Where a run's summary lies.

    Args:
      output: the folder of all runs.
      run_id: of the run, or "latest".

    Raises:
      UserError: there is no such run.
    """
    run_dir = (output / "runs" / run_id).resolve()
    if not (run_dir / FILE).is_file():
        raise UserError(f"{output / 'runs' / run_id}: no such run; siamese runs --output {output} lists them")
    return run_dir


def read_content(output: Path, run_id: str, listed: int = 200) -> Content:
    """Everything under an output folder about one run; what is damaged or gone is left out.

    Args:
      output: the folder.
      run_id: of the run, or "latest".
      listed: how many quarantined files are read.

    Raises:
      UserError: there is no such run.
    """
    run_dir = run_folder(output, run_id)
    path = run_dir / FILE
    try:
        summary = RunSummary.model_validate_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not readable as a summary: {str(error).splitlines()[0]}") from None
    lines, count = _quarantine(output / "quarantine" / f"{summary.run_id}.csv", listed)
    nodes = _nodes(output / METADATA, summary.run_id)
    scores = _uri(nodes, "PairScores", "scores")
    augmented = run_dir / AUGMENTED
    return Content(
        summary=summary,
        lineage=lineage_lines(read_lineage(output / METADATA, summary.run_id), summary) if nodes else [],
        scores=ScoredPairs.of(read_scores(str(scores))) if scores and (scores / SCORES).is_file() else None,
        pairs=_uri(nodes, "PairGenerator", "pairs"),
        training=_uri(nodes, "Trainer", "model_run"),
        augmented=augmented if augmented.is_file() else None,
        quarantine=lines,
        quarantined=count,
    )


def _nodes(metadata: Path, run_id: str) -> dict[str, Node]:
    return nodes_of(metadata_store.MetadataStore(read_only(metadata)), run_id) if metadata.is_file() else {}


def _uri(nodes: dict[str, Node], node: str, key: str) -> Path | None:
    found = nodes[node].artifact(key) if node in nodes and nodes[node].finished else None
    return Path(found.uri) if found and Path(found.uri).is_dir() else None


def _quarantine(path: Path, listed: int) -> tuple[list[tuple[str, str]], int]:
    if not path.is_file():
        return [], 0
    with path.open(encoding="utf-8", newline="") as file:
        lines, count = [], 0
        for row in csv.DictReader(file):
            count += 1
            if count <= listed:
                lines.append((row["path"], row["reason"]))
    return lines, count
