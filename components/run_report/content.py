"""The content of a report."""

from dataclasses import dataclass, field
from pathlib import Path

from components.pair_scores.table import ScoredPairs
from components.run_outcome.summary import RunSummary


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
