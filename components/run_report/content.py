"""The content of a report, and how it is read from the artifacts of a run."""

import csv
from dataclasses import dataclass, field
from pathlib import Path

from components.pair_scores.table import FILE as SCORES
from components.pair_scores.table import ScoredPairs, read_scores
from components.run_outcome.summary import RunSummary
from components.run_record.files import RunFiles
from components.run_report.source_images import folder_of, reason_type

LISTED = 200  # excluded files on the page


@dataclass(frozen=True)
class Content:
    """The parts of a run's report; None for what the run has not produced.

    Attributes:
      summary: as ``summary.json`` has it.
      lineage: (name, text) lines: what made the model.
      scores: of the test pairs.
      pairs: the folder of the pairs artifact, whose test split holds the pixels.
      training: the folder of the training's logs.
      augmented: the picture of augmented images.
      statistics: the folder of the images' statistics.
      anomalies: the folder of ExampleValidator's anomalies.
      anomaly_verdict: the folder of the anomaly gate's verdict.
      card: the model card.
      quarantine: (path, reason) of excluded files.
      quarantined: how many files were excluded.
      near_duplicates: the listing of near-duplicate images.
      images: the folder that image paths are relative to.
    """

    summary: RunSummary
    lineage: list[tuple[str, str]] = field(default_factory=list)
    scores: ScoredPairs | None = None
    pairs: Path | None = None
    training: Path | None = None
    augmented: Path | None = None
    statistics: Path | None = None
    anomalies: Path | None = None
    anomaly_verdict: Path | None = None
    card: Path | None = None
    quarantine: list[tuple[str, str]] = field(default_factory=list)
    quarantined: int = 0
    near_duplicates: Path | None = None
    images: Path | None = None


def load_content(
    files: RunFiles,
    summary: RunSummary,
    lineage: list[tuple[str, str]],
    quarantine: Path | None,
    data_root: str | None = None,
) -> Content:
    """The content that a run has produced, without what is damaged or missing.

    Args:
      files: its artifacts.
      summary: of the run.
      lineage: (name, text) lines: what made its model.
      quarantine: the listing of excluded files; or None.
      data_root: where the images are, if known.
    """
    scores = files.folder("scores")
    lines, count = _quarantine(quarantine)
    return Content(
        summary=summary,
        lineage=lineage,
        scores=ScoredPairs.of(read_scores(str(scores))) if scores and (scores / SCORES).is_file() else None,
        pairs=files.folder("pairs"),
        training=files.folder("model_run"),
        augmented=files.augmented(),
        statistics=files.folder("statistics"),
        anomalies=files.folder("anomalies"),
        anomaly_verdict=files.folder("anomaly_verdict"),
        card=files.card(),
        quarantine=lines,
        quarantined=count,
        near_duplicates=files.near_duplicates(),
        images=folder_of(data_root),
    )


def _quarantine(path: Path | None) -> tuple[list[tuple[str, str]], int]:
    if path is None or not path.is_file():
        return [], 0
    with path.open(encoding="utf-8", newline="") as file:
        lines: list[tuple[str, str]] = []
        count, reasons = 0, set()
        for row in csv.DictReader(file):
            count += 1
            kind = reason_type(row["reason"])
            if count <= LISTED or (kind not in reasons and len(lines) < 2 * LISTED):  # show rare reasons, too
                lines.append((row["path"], row["reason"]))
                reasons.add(kind)
    return lines, count
