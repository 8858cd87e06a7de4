"""What the page shows of a run."""

from dataclasses import dataclass, field
from pathlib import Path

from components.pair_scores.table import ScoredPairs
from components.run_outcome.summary import RunSummary


@dataclass(frozen=True)
class Content:
    """All that is known of a run, as far as it came.

    Attributes:
      summary: as ``summary.json`` has it.
      lineage: (what, its text): what made the model.
      scores: the test pairs; none where they were not scored.
      pairs: the folder of the pairs artifact, whose test split holds the pixels; or none.
      training: the folder of the training's logs; or none.
      augmented: the picture of distorted images; or none.
      statistics: the folder of the images' statistics; or none.
      anomalies: the folder of what the validator found; or none.
      anomaly_verdict: the folder of the anomaly gate's verdict; or none.
      card: the model card; or none.
      quarantine: (path, reason) of files that were not used.
      quarantined: how many there are.
      near_duplicates: the listing of images that look the same; or none.
      images: the folder that names of images are relative to; or none.
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
