"""The types of the artifacts: what is in each. A component finds those of others here, without their executors."""

from pathlib import Path
from typing import TypeAlias

from tfx.types.artifact import Artifact

Artifacts: TypeAlias = dict[str, list[Artifact]]
"""The artifacts that an executor gets: of each input or output, by its name."""

INTERVALS_FILE = "intervals.json"


def write_file(artifact: Artifact, name: str, text: str) -> None:
    """Writes a file into the folder of an artifact. An artifact without a file is lost on Kubeflow."""
    folder = Path(artifact.uri)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


class IngestReport(Artifact):
    """Figures of the images, and two lists.

    ``counts.json``; ``quarantine.csv`` (path, reason, bytes of every file that is not used); ``near_duplicates.csv``
    (pairs of images that look the same, their identities and splits).
    """

    TYPE_NAME = "siamese.IngestReport"


class PairReport(Artifact):
    """``counts.json`` for programs and ``counts.md`` for people: pairs per split and kind, and identities limited."""

    TYPE_NAME = "siamese.PairReport"


class BaselineFound(Artifact):
    """``baseline.json`` as in ``baseline.report.BaselineReport``; custom properties ``status`` and ``version``."""

    TYPE_NAME = "siamese.BaselineFound"


class PairScores(Artifact):
    """``scores.parquet`` as in ``pair_scores.table.SCHEMA``; custom property ``pairs``: its rows."""

    TYPE_NAME = "siamese.PairScores"


class MeasuredPairs(Artifact):
    """``INTERVALS_FILE`` as in ``verification.intervals.MeasuredIntervals``; empty if nothing could be computed."""

    TYPE_NAME = "siamese.MeasuredPairs"


class GateVerdict(Artifact):
    """The results of a component's gates: ``verdict.json`` is ``{"gates": [{name, passed, reason}, ...]}``.

    The custom properties ``passed`` (1 if all passed) and ``reason`` (of those that did not) repeat it in the metadata
    store. Every view of the verdict finds these artifacts by their type. That of AnomalyGate also has
    ``distances.json``: how far each feature of a split or of the previous span is from train.
    """

    TYPE_NAME = "siamese.GateVerdict"


class ModelCard(Artifact):
    """``model_card.md`` as in ``manifest.CARD_FILE``, of a model that every gate has evaluated."""

    TYPE_NAME = "siamese.ModelCard"


class RunOutcome(Artifact):
    """``outcome.json``: see ``verdict.Outcome``. Custom properties: ``status``, ``sentence``, ``alert``."""

    TYPE_NAME = "siamese.RunOutcome"


class Report(Artifact):
    """``report.html`` and ``summary.json`` of a completed run."""

    TYPE_NAME = "siamese.RunReport"
