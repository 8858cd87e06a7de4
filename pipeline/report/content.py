"""What the page shows of a run: read from its summary, the metadata store and the artifacts, as far as it came."""

import csv
from dataclasses import dataclass, field
from pathlib import Path

from ml_metadata import metadata_store

from components.pair_scores.table import FILE as SCORES
from components.pair_scores.table import ScoredPairs, read_scores
from models.errors import UserError
from models.features import AUGMENTED
from pipeline.lineage import Lineage, read_lineage
from pipeline.metadata import Node, nodes_of, read_only
from pipeline.summary import FILE, RunSummary

METADATA = "metadata.sqlite"


@dataclass(frozen=True)
class Content:
    """All that is known of a run.

    Attributes:
      summary: as ``summary.json`` has it.
      run_dir: where that lies.
      lineage: what made the model; none where the run came to no node.
      scores: the test pairs; none where they were not scored.
      pairs: the folder of the pairs artifact, whose test split holds the pixels; or none.
      training: the folder of the training's logs; or none.
      quarantine: (path, reason) of files that were not used.
      quarantined: how many there are.
    """

    summary: RunSummary
    run_dir: Path
    lineage: Lineage | None = None
    scores: ScoredPairs | None = None
    pairs: Path | None = None
    training: Path | None = None
    quarantine: list[tuple[str, str]] = field(default_factory=list)
    quarantined: int = 0

    @property
    def augmented(self) -> Path | None:
        """The picture of distorted images, where there is one."""
        path = self.run_dir / AUGMENTED
        return path if path.is_file() else None


def read_content(output: Path, run_id: str, listed: int = 200) -> Content:
    """Everything under an output folder about one run; what is damaged or gone is left out.

    Args:
      output: the folder.
      run_id: of the run, or "latest".
      listed: how many quarantined files are read.

    Raises:
      UserError: there is no such run.
    """
    run_dir = (output / "runs" / run_id).resolve()
    path = run_dir / FILE
    if not path.is_file():
        raise UserError(f"{output / 'runs' / run_id}: no such run; siamese runs --output {output} lists them")
    try:
        summary = RunSummary.model_validate_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not readable as a summary: {str(error).splitlines()[0]}") from None
    lines, count = _quarantine(output / "quarantine" / f"{summary.run_id}.csv", listed)
    nodes = _nodes(output / METADATA, summary.run_id)
    scores = _uri(nodes, "PairScores", "scores")
    return Content(
        summary=summary,
        run_dir=run_dir,
        lineage=read_lineage(output / METADATA, summary.run_id) if nodes else None,
        scores=ScoredPairs.of(read_scores(str(scores))) if scores and (scores / SCORES).is_file() else None,
        pairs=_uri(nodes, "PairGenerator", "pairs"),
        training=_uri(nodes, "Trainer", "model_run"),
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
