"""From what a run left to what its page shows."""

import csv
from pathlib import Path

from components.pair_scores.table import FILE as SCORES
from components.pair_scores.table import ScoredPairs, read_scores
from components.run_outcome.summary import RunSummary
from components.run_record.files import RunFiles
from components.run_report.content import Content
from components.run_report.source_images import folder_of, kind_of

LISTED = 200  # quarantined files on the page


def content_of(
    files: RunFiles,
    summary: RunSummary,
    lineage: list[tuple[str, str]],
    quarantine: Path | None,
    data_root: str | None = None,
) -> Content:
    """What there is of a run; what is damaged or gone is left out.

    Args:
      files: where its artifacts lie.
      summary: of the run.
      lineage: (what, its text): what made its model.
      quarantine: the listing of files that were not used; or none.
      data_root: where the images are, as far as that is known.
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
            kind = kind_of(row["reason"])
            if count <= LISTED or (kind not in reasons and len(lines) < 2 * LISTED):  # a rare reason is shown too
                lines.append((row["path"], row["reason"]))
                reasons.add(kind)
    return lines, count
